"""How a service runs as a process: it starts, drains and exits."""
