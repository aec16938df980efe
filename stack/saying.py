"""What is said to whoever started the stack. A reader that takes nothing is waited for a moment, and no longer.

The services write to the same pipe or terminal. When nobody reads it any more, the stack still watches its parts, and
still ends when it is told to.
"""

import contextlib
import os
import threading

OUTPUT, ERROR = 1, 2
PATIENCE = 1.0  # seconds


def say(text: str, descriptor: int = OUTPUT) -> None:
    """Print a text and the end of its line."""
    writing = threading.Thread(target=_write, args=(descriptor, f"{text}\n".encode()), daemon=True)
    writing.start()
    writing.join(PATIENCE)


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        while data:
            data = data[os.write(descriptor, data) :]
