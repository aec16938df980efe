"""Who has to wait before the next try."""
