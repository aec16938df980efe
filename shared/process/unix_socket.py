"""A Unix socket at which a service listens beside its port, for a gateway on the same machine.

A request and its answer cost the kernel much less on this way than through the loopback interface (unix(7)), and nobody
comes in over a network: the file's permissions, made by the umask, say who may connect. The same is served at both.
"""

import errno
import os
import socket
from pathlib import Path


def bind_unix_socket(path: Path) -> socket.socket:
    """Return a socket that may listen at a path; OSError when somebody does already, or none can be made there.

    Until it listens connections are refused. What a process left that was killed is replaced. At its end a process
    leaves the file: it may be its successor's.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _refuse_if_used(path)
            path.unlink()
        bound.bind(os.fspath(path))
    except BaseException:
        bound.close()
        raise
    return bound


def _refuse_if_used(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(os.fspath(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
