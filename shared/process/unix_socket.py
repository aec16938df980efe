"""A Unix socket on which a service listens besides its port, for a gateway on the same machine.

A request and its answer cost the kernel much less this way than through the loopback interface (unix(7)), and the
network can't reach it: the file's permissions, set by the umask, say who may connect. Both serve the same.
"""

import errno
import os
import socket
from pathlib import Path


def bind_unix_socket(path: Path) -> socket.socket:
    """Return a socket bound to a path; raises OSError where another process listens, or none can be made.

    Until it listens, connections are refused. The file of a process that was killed is replaced. On exit a process
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
