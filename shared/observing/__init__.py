"""What an operator sees: log lines, request ids and metrics."""
