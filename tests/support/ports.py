"""Ports for other programs' servers, which can't be told to choose a free one and report it."""

import socket


def find_free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
