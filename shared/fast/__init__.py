"""What changes no answer and only makes it cheaper."""
