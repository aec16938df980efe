"""Whether the other end of a connection is still reading what waits for it, however slowly (Linux)."""

import asyncio
import fcntl
import struct
import termios


class Unsent:
    """How many bytes waited for the other end when it was last looked at."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = 0

    def look(self, transport: asyncio.Transport) -> None:
        """Look now."""
        self._bytes = _count_unsent(transport)

    def has_shrunk(self, transport: asyncio.Transport) -> bool:
        """Look again; tell whether some were taken since, and some are still left."""
        before, self._bytes = self._bytes, _count_unsent(transport)
        return 0 < self._bytes < before


def _count_unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes are written and not yet acknowledged: in the transport, and in the kernel.

    The transport alone shows nothing until a large part of the kernel's buffer is free again (SIOCOUTQ of tcp(7) and
    unix(7), which is TIOCOUTQ).
    """
    waiting = transport.get_write_buffer_size()
    try:
        descriptor = transport.get_extra_info("socket").fileno()
        in_kernel: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0]
    except (OSError, ValueError):  # it is closed already
        return waiting
    return waiting + in_kernel
