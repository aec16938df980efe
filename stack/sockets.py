"""Where Unix sockets are: a path short enough for the kernel, in a directory that only their owner can enter."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

LONGEST_DIRECTORY = 80  # bytes; with the name of the socket it must fit into sun_path, 104 or 108 (unix(7))


@contextlib.contextmanager
def socket_directory(wanted: Path, user: int | None = None) -> Iterator[Path]:
    """Yield that directory, made if need be, or a temporary one where its path is too long; ``user``'s, if given."""
    if len(os.fsencode(wanted)) <= LONGEST_DIRECTORY:
        wanted.mkdir(mode=0o700, exist_ok=True)
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="gatepost-") as name:
        if user is not None:
            os.chown(name, user, user)
        yield Path(name)
