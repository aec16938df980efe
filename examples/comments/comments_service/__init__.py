"""The comments service: what people say about posts. It verifies tokens by itself, without asking anyone."""
