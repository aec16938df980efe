"""The guessing limits: who has to wait before the next try."""
