"""A server that answers as no server should, each path in another way (``hostile_answers.MISBEHAVING``).

Or as it is told to, by ``answers``: JSON for each path.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = {
    "/fine": OK + b"Content-Length: 11\r\n\r\n" + b'{"a": "ok"}',
    "/redirect": b"HTTP/1.1 302 Found\r\nLocation: /fine\r\nContent-Length: 0\r\n\r\n",
    "/compressed": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "/cut": OK + b"Content-Length: 100\r\n\r\n{",
    "/nonsense": b"SSH-2.0-OpenSSH_9.2\r\n",
    "/html": OK + b"Content-Length: 6\r\n\r\n<html>",
    "/nested": OK + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000,
    "/forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
}


class MisbehavingServer:
    """Where it listens, and how often each path was asked; ``gate`` holds up those who ask for ``/held``."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: Counter[str] = Counter()
        self.hosts: list[str] = []
        self.bodies: dict[str, str] = {}
        self.answers: dict[str, object] = {}
        self.gate = asyncio.Event()
        self.is_gone = asyncio.Event()
        self._end = asyncio.Event()

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MisbehavingServer"]:
        """Give the server while it listens."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.end()
            self.gate.set()
            server.close()
            await server.wait_closed()

    def end(self) -> None:
        """Answer nobody any more who waits for ``/slow`` or what is below it."""
        self._end.set()

    async def count_asked(self) -> int:
        """Return how often it was asked for anything."""
        return self.asked.total()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split(" ")[1]
            self.asked[path] += 1
            self.hosts += [line.partition(": ")[2] for line in head if line.lower().startswith("host:")]
            length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
            self.bodies[path] = (await reader.readexactly(length)).decode()
            await self._answer(path, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.is_gone.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path in self.answers:
            body = json.dumps(self.answers[path]).encode()
            writer.write(OK + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            return
        if path == "/held":
            await self.gate.wait()
            path = "/fine"
        if path.startswith("/slow"):
            await self._end.wait()
        elif path in {"/endless", "/dripping"}:
            writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            piece, pause = (b"4000\r\n" + b" " * 0x4000, 0.0) if path == "/endless" else (b"1\r\n ", 0.1)
            while not self._end.is_set():
                writer.write(piece + b"\r\n")
                await writer.drain()
                await asyncio.sleep(pause)
        else:
            writer.write(WHOLE[path])
            await writer.drain()
