"""The HTTP side: the JSON API, NextAuth's protocol, the pages, and the endpoints for other services."""
