"""Ports for other programs' servers, which can't be told to choose a free one and report it."""

from stack.ports import list_free_ports


def find_free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    (port,) = list_free_ports(1)
    return port
