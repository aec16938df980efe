"""An upstream that reads a stream of bytes as leniently as old and careless servers do, to be smuggled into.

A line may end in a bare LF; what is no request line is skipped until one comes; a folded or misspelt header line is a
header. Where the length of a body is given in two ways, ``reading`` decides. The requests that it finds are judged as
``Victim`` judges them: a protected path counts an entry, by the request's ``X-Case``, and answers the marker.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from enum import StrEnum

from tests.support.generous_reading import read_generously
from tests.support.victim import NAIVE_GUARD, PUBLIC_TEXT, Victim, is_protected

_REQUEST_LINE = re.compile(rb"\s*([A-Z]+)\s+(\S+)(?:\s+HTTP/\S+)?\s*$")


class Reading(StrEnum):
    """Which of several lengths counts. A body is chunked wherever ``chunked`` appears somehow."""

    CHUNKS_FIRST = "chunks before lengths"
    FIRST_LENGTH = "the first length before chunks"
    LAST_LENGTH = "the last length before chunks"


class StreamVictim(Victim):
    """A victim that parses bytes itself."""

    reading = Reading.CHUNKS_FIRST

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until the other side ends it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
            while line := await reader.readline():
                found = _REQUEST_LINE.match(line)
                if not found:
                    continue
                headers = await _read_fields(reader)
                await self._skip_body(headers, reader)
                writer.write(self._answer(found[2], headers))
                await writer.drain()
        writer.close()

    def _answer(self, target: bytes, headers: list[tuple[str, str]]) -> bytes:
        text = PUBLIC_TEXT
        if is_protected(read_generously(re.sub(rb"^https?://[^/]*", b"", target))):
            self.entries.append(dict(headers).get("x-case", target.decode("latin-1")))
            text = self.marker
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    async def _skip_body(self, headers: list[tuple[str, str]], reader: asyncio.StreamReader) -> None:
        said = [(re.sub(r"[^a-z-]", "", name), value) for name, value in headers]
        numbers = [re.search(r"\d+", value) for name, value in said if name == "content-length"]
        lengths = [int(number[0]) for number in numbers if number]
        is_chunked = any("chunked" in value.lower() for name, value in said if name == "transfer-encoding")
        if lengths and not (is_chunked and self.reading is Reading.CHUNKS_FIRST):
            await reader.readexactly(lengths[-1 if self.reading is Reading.LAST_LENGTH else 0])
        elif is_chunked:
            while size := await _read_chunk_size(reader):
                await reader.readexactly(size)
                await reader.readline()
            await _read_fields(reader)


async def _read_fields(reader: asyncio.StreamReader) -> list[tuple[str, str]]:
    fields = []
    while (line := await reader.readline()).strip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        fields.append((name.strip().lower().replace("_", "-"), value.strip()))
    return fields


async def _read_chunk_size(reader: asyncio.StreamReader) -> int:
    digits = re.match(rb"\s*(?:0x)?([0-9A-Fa-f]*)", await reader.readline())
    return int(digits[1] or b"0", 16) if digits else 0


@contextlib.asynccontextmanager
async def running_stream_victim(reading: Reading) -> AsyncIterator[StreamVictim]:
    """Give a listening victim with this reading."""
    victim = StreamVictim()
    victim.reading = reading
    server = await asyncio.start_server(victim.serve, "127.0.0.1", 0)
    victim.port = server.sockets[0].getsockname()[1]
    try:
        yield victim
    finally:
        server.close()


@contextlib.asynccontextmanager
async def running_naive_pipe(victim: StreamVictim) -> AsyncIterator[int]:
    """Give the port of a guard that judges the first request of a connection, and passes all bytes on as they are."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            line = await reader.readline()
            found = _REQUEST_LINE.match(line)
            if found and not NAIVE_GUARD.match(b" ".join(found.groups()).decode("latin-1")):
                back, forth = await asyncio.open_connection("127.0.0.1", victim.port)
                forth.write(line)
                await asyncio.gather(_copy(reader, forth), _copy(back, writer))
        writer.close()

    server = await asyncio.start_server(pipe, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
    target.close()
