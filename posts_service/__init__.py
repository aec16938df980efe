"""The posts service: what you wrote. It verifies tokens by itself, without asking anyone."""
