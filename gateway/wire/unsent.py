"""How many bytes wait for the other end of a connection: those in the transport and those in the kernel (Linux)."""

import asyncio
import fcntl
import struct
import termios


def count_unsent(transport: asyncio.Transport | None) -> int:
    """Return how many bytes were written and not yet acknowledged; none where that can't be told.

    A slow reader is told by it from one that has stopped: a transport alone says nothing until a large part of the
    kernel's buffer is free again (SIOCOUTQ of tcp(7) and unix(7), which is TIOCOUTQ).
    """
    if transport is None:
        return 0
    waiting = transport.get_write_buffer_size()
    try:
        descriptor = transport.get_extra_info("socket").fileno()
        in_kernel: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0]
    except (OSError, ValueError):  # it is closed already
        return waiting
    return waiting + in_kernel
