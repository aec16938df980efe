"""The port that another process holds for us: its listening socket is fetched there, and served from here.

``port_holder`` says why, and how the two speak. While it is away, which is when it was replaced, we ask for its next
socket: the one we have is of a network that has gone.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from shared.process.background import end_task
from shared.settings import Settings

RETRY_PAUSE = 0.1  # seconds
HAND_OVER_WITHIN = 2.0  # seconds

Serve = Callable[[socket.socket], Awaitable[asyncio.AbstractServer]]
"""Starts to accept what connects to a listening socket."""

log = structlog.get_logger("held_port")


class HeldPortSettings(Settings):
    """What a service needs whose port another process holds: where that hands its listening socket out."""

    port_holder_socket: Path | None = None


class HeldPort:
    """Accepts at the held port from ``start`` to ``let_go``."""

    def __init__(self, path: Path, serve: Serve) -> None:
        """Take the path of the holder's Unix socket."""
        self._path = path
        self._serve = serve
        self._following: asyncio.Task[None] | None = None
        self._has_warned = False

    def start(self) -> None:
        """Start to accept, in the background, as soon as the holder is there."""
        self._following = asyncio.create_task(self._follow())

    async def let_go(self) -> None:
        """Stop accepting: new clients wait in the backlog or get another replica. Open connections are kept."""
        following, self._following = self._following, None
        if following is not None:
            await end_task(following)
            log.info("port_let_go", holder=str(self._path))

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
                holder.setblocking(False)
                try:
                    async with asyncio.timeout(HAND_OVER_WITHIN):
                        await loop.sock_connect(holder, str(self._path))
                        listening = await _receive(holder)
                except (OSError, EOFError) as error:  # a timeout is one too
                    self._warn(error)
                else:
                    await self._accept(listening, holder)
            await asyncio.sleep(RETRY_PAUSE)

    async def _accept(self, listening: socket.socket, holder: socket.socket) -> None:
        """Accept at the socket for as long as the holder is there."""
        self._has_warned = False
        server = await self._serve(listening)
        log.info("port_held", holder=str(self._path))
        try:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().sock_recv(holder, 1)
        finally:
            server.close()

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("port_holder_not_there", holder=str(self._path), error=type(error).__name__)


async def _receive(holder: socket.socket) -> socket.socket:
    """Return the listening socket that the holder sends; raises EOFError when it sends none."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(holder, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(holder)
    _, descriptors, _, _ = socket.recv_fds(holder, 1, 1)
    if not descriptors:
        raise EOFError
    return socket.socket(fileno=descriptors[0])
