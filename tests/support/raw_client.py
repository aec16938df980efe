"""A client that sends bytes and parses answers strictly: what it accepts, every parser accepts, and in the same way.

An answer is read by RFC 9112 and nothing looser: lines end with CRLF, a field is ``name: value`` without control
characters, a body has one length. Anything else is an AssertionError, so a test that reads an answer has checked its
form. ``read_rest`` gives what comes until the gateway ends the connection.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from tests.support.gateway_in_process import RunningGateway

LIMIT = 10.0  # seconds until a test is taken for hung
LONGEST_HEAD = 256 * 1024  # bytes

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([ -~]*)")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([^\x00-\x08\x0a-\x1f\x7f]*)")
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; names in lower case, in their order. ``interim`` are the statuses that came before it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    interim: tuple[int, ...] = ()

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self.headers if each == name]

    @property
    def says_close(self) -> bool:
        """Whether it says that the connection closes after it."""
        return "close" in [option.strip().lower() for value in self.values("connection") for option in value.split(",")]


class RawClient:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader = reader
        self.writer = writer
        self.host = host

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def ask(self, line: str, *lines: str, body: bytes = b"") -> None:
        """Send a request whose head has a Host and the lines given."""
        self.send(self.head(line, *lines) + body)

    def head(self, line: str, *lines: str) -> bytes:
        """Return the head of such a request: ``line`` is its request line without the version, or with it."""
        line = line if " HTTP/" in line else f"{line} HTTP/1.1"
        return "\r\n".join([line, f"Host: {self.host}", *lines, "", ""]).encode("latin-1")

    async def exchange(self, line: str, *lines: str, body: bytes = b"") -> Answer:
        """Send a request and return its answer."""
        self.ask(line, *lines, body=body)
        return await self.read_answer(line.partition(" ")[0])

    async def read_answer(self, method: str = "GET") -> Answer:
        """Return the next answer, to a request with that method."""
        async with asyncio.timeout(LIMIT):
            interim: list[int] = []
            while (head := await self.read_head()).status < 200:
                assert head.status != 101, "another protocol, where none was asked for"
                assert not head.headers or head.status == 103, head
                interim.append(head.status)
            return Answer(head.status, head.headers, await self._read_body(head, method), tuple(interim))

    async def read_head(self) -> Answer:
        """Return the next head."""
        async with asyncio.timeout(LIMIT):
            return read_head(await self.reader.readuntil(b"\r\n\r\n"))

    async def read_rest(self) -> bytes:
        """Return what still comes until the gateway closes or resets the connection."""
        async with asyncio.timeout(LIMIT):
            rest = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := await self.reader.read(65_536):
                    rest += piece
            return rest

    def end_sending(self) -> None:
        """Half-close."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Be gone for good."""
        if not self.writer.is_closing():
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def _read_body(self, head: Answer, method: str) -> bytes:
        lengths, codings = head.values("content-length"), head.values("transfer-encoding")
        assert len(lengths) + len(codings) <= 1, head.headers
        if method == "HEAD" or head.status in _BODILESS:
            assert not codings, head.headers
            assert not lengths or head.status not in _BODILESS, head.headers
            return b""
        if lengths:
            assert lengths[0].isdigit(), lengths
            return await self.reader.readexactly(int(lengths[0]))
        if codings:
            assert codings == ["chunked"], codings
            return b"".join([chunk async for chunk in self.read_chunks()])
        assert head.says_close, head.headers
        return await self.reader.read()

    async def read_chunks(self) -> AsyncIterator[bytes]:
        """Yield the chunks of a body as they come."""
        async with asyncio.timeout(LIMIT):
            while size := int(await self._read_line(), 16):
                yield await self.reader.readexactly(size)
                assert await self._read_line() == b""
            assert await self._read_line() == b"", "a trailer"

    async def _read_line(self) -> bytes:
        line = await self.reader.readuntil(b"\n")
        assert line.endswith(b"\r\n"), line
        return line[:-2]


def read_head(head: bytes) -> Answer:
    """Parse a head, from its status line to its empty line."""
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    found = _STATUS_LINE.fullmatch(line)
    assert found is not None, line
    return Answer(int(found[1]), tuple(_read_fields(fields)))


def _read_fields(fields: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for field in fields:
        found = _FIELD.fullmatch(field)
        assert found is not None, field
        yield found[1].decode().lower(), found[2].decode("latin-1")


@contextlib.asynccontextmanager
async def connected(gateway: RunningGateway) -> AsyncIterator[RawClient]:
    """Give a connection to the gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=LONGEST_HEAD)
    client = RawClient(reader, writer, gateway.host)
    try:
        yield client
    finally:
        client.reset()


async def settle() -> None:
    """Let what was just sent be read before anything else is sent, so that it arrives as a piece of its own."""
    for _ in range(3):
        await asyncio.sleep(0)
