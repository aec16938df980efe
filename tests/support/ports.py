"""Ports for servers of other programs, which can't be told to choose a free one and say which."""

import socket


def find_free_port() -> int:
    """Return a port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
