"""Printing to the person who started the stack. A reader that reads nothing is waited for a moment, and no longer.

The services write to the same pipe or terminal. Even when nobody reads it any more, the stack watches its parts, and
ends when it is told to.
"""

import contextlib
import os
import threading

OUTPUT, ERROR = 1, 2
TIMEOUT = 1.0  # seconds


def print_line(text: str, descriptor: int = OUTPUT) -> None:
    """Print a text, with a line end."""
    writing = threading.Thread(target=_write, args=(descriptor, f"{text}\n".encode()), daemon=True)
    writing.start()
    writing.join(TIMEOUT)


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        while data:
            data = data[os.write(descriptor, data) :]
