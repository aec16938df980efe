"""Raw connections to the gateway: for clients that misbehave, and for floods, which a whole HTTP client can't send."""

import asyncio
import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"
PORT = 3000
PATIENCE = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its body, and the seconds that it took."""

    status: int
    body: bytes
    seconds: float
    is_last: bool = False  # on this connection

    @property
    def is_common_refusal(self) -> bool:
        """Whether it is a refusal with the body that all refusals have."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return False
        return isinstance(found, dict) and isinstance(found.get("error"), str)


@dataclass(frozen=True, slots=True)
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> Reply:
        """Send a request and return its answer; raises OSError, EOFError or TimeoutError."""
        started = time.monotonic()
        self.writer.write(request)
        return await self.read_reply(started)

    async def read_reply(self, started: float) -> Reply:
        """Return the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(_END)
            found = _LENGTH.search(head)
            body = await self.reader.readexactly(int(found[1])) if found else b""
        is_last = b"\r\nconnection: close" in head.lower()
        return Reply(int(head.split(b" ", 2)[1]), body, time.monotonic() - started, is_last)

    async def wait_for_end(self, seconds: float) -> bool:
        """Tell whether the other side ends the connection in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                with contextlib.suppress(ConnectionError):
                    while await self.reader.read(65_536):
                        pass
                return True
        return False

    def reset(self) -> None:
        """End the connection with RST, as a client does that is gone."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def open_wire(host: str) -> AsyncIterator[Wire]:
    """Give a connection to a gateway, at the address of its container."""
    reader, writer = await asyncio.open_connection(host, PORT, limit=1 << 20)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def keep_asking(host: str) -> AsyncIterator[Callable[[bytes], Awaitable[Reply]]]:
    """Give a function that asks one request after the other on a kept connection; status 0: there was no answer."""
    wire: Wire | None = None
    async with contextlib.AsyncExitStack() as opened:

        async def ask(request: bytes) -> Reply:
            nonlocal wire
            started = time.monotonic()
            try:
                if wire is None:
                    wire = await opened.enter_async_context(open_wire(host))
                reply = await wire.ask(request)
            except (OSError, EOFError):
                wire = None
                return Reply(0, b"", time.monotonic() - started)
            wire = None if reply.is_last else wire
            return reply

        yield ask


def encode_request(
    method: str, path: str, port: int, headers: Mapping[str, str] | None = None, body: object = None
) -> bytes:
    """Return a request to the gateway as it is sent, with a JSON body if there is one."""
    sent = b"" if body is None else json.dumps(body).encode()
    lines = {"Host": f"localhost:{port}", **(headers or {})}
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(sent))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + sent
