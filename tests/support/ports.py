"""Ports for other programs' servers, which can't be told to choose a free one and report it."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from stack.ports import list_free_ports

START_DEADLINE = 180.0  # seconds, for a busy machine


def find_free_port() -> int:
    """Return a loopback port that nothing listens on, and that no other process gets here (see ``list_free_ports``)."""
    (port,) = list_free_ports(1)
    return port


def wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until somebody listens at a loopback port; raise RuntimeError with the log of a process that does not."""
    deadline = time.monotonic() + START_DEADLINE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nobody listens at port {port}:\n{log.read_text()}")
        time.sleep(0.02)
