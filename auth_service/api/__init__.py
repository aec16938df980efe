"""The JSON API: its endpoints, and the bodies that they take and answer."""
