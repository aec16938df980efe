"""An upstream for the gateway's tests: a bare HTTP/1.1 server that does what a script says, byte by byte.

It stands where somebody else's service would, so it may misbehave in any way. It records whatever reaches it.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_LINE = 256 * 1024  # bytes


@dataclass(slots=True)
class Received:
    """A request as it reached the upstream; the script answers through ``writer``."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self.headers if each.lower() == name]

    async def read_body(self) -> bytes:
        """Return the whole body, by its length or its chunks."""
        if self.values("transfer-encoding") == ["chunked"]:
            return b"".join([chunk async for chunk in self.read_chunks()])
        return await self.reader.readexactly(int((self.values("content-length") or ["0"])[0]))

    async def read_chunks(self) -> AsyncIterator[bytes]:
        """Give the chunks of the body as they come."""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            chunk = await self.reader.readexactly(size)
            await self.reader.readexactly(2)
            yield chunk
        await self.reader.readline()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"", *, status: str = "200 OK", headers: str = "") -> None:
        """Send a plain answer; ``headers`` are whole lines."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await self.send(head.encode() + body)


Script = Callable[[Received], Awaitable[None]]


class RawUpstream:
    """A listening upstream; ``script`` may be changed at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[Received] = []
        self.connections = 0
        self.port = 0
        self.url = ""
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    @property
    def open_connections(self) -> int:
        """How many connections are being served."""
        return len(self._serving)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one side closes it."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving[writer] = task
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    received = await _read_head(reader, writer)
                    self.received.append(received)
                    await self.script(received)
        finally:
            del self._serving[writer]
            writer.close()

    def drop_connections(self) -> None:
        """Close every connection, as a stopped server does."""
        for writer in self._serving:
            writer.close()

    async def end(self) -> None:
        """End every connection, and whatever its script still waits for."""
        serving = list(self._serving.values())
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_upstream(
    script: Script, port: int = 0, path: Path | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawUpstream]:
    """Give an upstream that listens on loopback, by TLS as ``localhost``, or at the path of a Unix socket."""
    upstream = RawUpstream(script)
    if path is None:
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", port, limit=LONGEST_LINE, ssl=tls)
        upstream.port = server.sockets[0].getsockname()[1]
        upstream.url = f"https://localhost:{upstream.port}" if tls else f"http://127.0.0.1:{upstream.port}"
    else:
        server = await asyncio.start_unix_server(upstream.serve, path, limit=LONGEST_LINE)
        upstream.url = f"unix:{path}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.end()
        await server.wait_closed()


async def _read_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.split("\r\n")[:-2]
    method, target, _ = request_line.split(" ")
    pairs = [line.split(": ", 1) for line in lines]
    return Received(method, target, [(name, value) for name, value in pairs], reader, writer)


async def answer_ok(request: Received) -> None:
    """Answer 200 and ``ok``, after reading the body."""
    await request.read_body()
    await request.answer(b"ok")


async def echo(request: Received) -> None:
    """Answer with the body that came."""
    await request.answer(await request.read_body())


async def echo_chunks(request: Received) -> None:
    """Answer with the chunks of the body as they come."""
    await request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    async for chunk in request.read_chunks():
        await request.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    await request.send(b"0\r\n\r\n")


async def answer_variously(request: Received) -> None:
    """Answer in the way that the target's last part names, after reading the body."""
    await request.read_body()
    match request.target.rpartition("/")[2]:
        case "304":
            await request.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        case "chunks":
            await request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        case "end":
            await request.send(b"HTTP/1.1 200 OK\r\n\r\nok")
            request.writer.close()
        case "close":
            await request.answer(b"ok", headers="Connection: close\r\n")
            request.writer.close()
        case "broken":
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Le")
            request.writer.close()
        case _:
            await request.answer(b"" if request.method == "HEAD" else b"ok")
