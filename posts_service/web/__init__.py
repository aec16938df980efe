"""What speaks HTTP: the JSON API, the pages and the forms."""
