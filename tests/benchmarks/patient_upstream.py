"""An upstream that has time: it answers when it is told to, and takes a large body as ``take_slowly`` does.

/held   is answered once ``release`` was called
/up     is answered once the body has been taken
/down   is answered with ``SIZE`` bytes
others  at once
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

MEBIBYTE = 1 << 20
SIZE = 200 * MEBIBYTE
STANDSTILL = 3.0  # seconds in which nothing is taken
PAUSE = 0.01  # seconds between two pieces

_LIMIT = 1 << 16  # of what a reader holds


class PatientUpstream:
    """What the upstream knows. ``taken``: the bytes of the last body."""

    def __init__(self) -> None:
        self.port = 0
        self.taken = 0
        self._held = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._more = asyncio.Condition()
        self._released = asyncio.Event()

    def hold(self) -> None:
        """From now on, answer no request for ``/held``."""
        self._released.clear()

    def release(self) -> None:
        """Answer all of them."""
        self._released.set()

    async def wait_for(self, count: int) -> None:
        """Return when so many requests wait."""
        async with self._more:
            await self._more.wait_for(lambda: self._held >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.split(b" ")[1].decode(), reader, writer)
        writer.close()

    async def wait_for_end(self) -> None:
        """Return when all clients have gone."""
        await asyncio.gather(*self._serving)

    async def _answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path == "/up":
            self.taken = await take_slowly(reader)
        elif path == "/held":
            await self._wait_for_release()
        length = SIZE if path == "/down" else 0
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        piece = bytes(MEBIBYTE)
        for _ in range(length // MEBIBYTE):
            writer.write(piece)
            await writer.drain()

    async def _wait_for_release(self) -> None:
        async with self._more:
            self._held += 1
            self._more.notify_all()
        await self._released.wait()
        self._held -= 1


@contextlib.asynccontextmanager
async def running_upstream() -> AsyncIterator[PatientUpstream]:
    """Run it on a free port of 127.0.0.1."""
    upstream = PatientUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=_LIMIT, backlog=1024)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        await upstream.wait_for_end()


async def take_slowly(reader: asyncio.StreamReader) -> int:
    """Take ``SIZE`` bytes, nothing at first and then piece by piece; return how many there were."""
    await asyncio.sleep(STANDSTILL)
    taken = 0
    while taken < SIZE and (piece := await reader.read(MEBIBYTE)):
        taken += len(piece)
        if taken // MEBIBYTE != (taken - len(piece)) // MEBIBYTE:
            await asyncio.sleep(PAUSE)
    return taken
