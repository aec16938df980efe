"""Who sends a request: by credentials, after a renewal, from which address."""
