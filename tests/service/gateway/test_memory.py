"""The gateway as a process of its own: how much memory it takes while much passes through it (Linux)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.gateway_process import gateway_process
from tests.support.raw_upstream import RawUpstream, Received

MEBIBYTE = 1_048_576
SIZE = 200 * MEBIBYTE
MAX_GROWTH = 24 * MEBIBYTE  # of the peak of its resident set, while SIZE bytes pass; 1 to 2 MiB are usual
PIECE = b"x" * 65_536


@pytest.fixture
async def process(rules: Path) -> AsyncIterator[tuple[int, int]]:
    """Give the port and the process id of a running gateway."""
    async with gateway_process({"GATEWAY_RULES": str(rules)}) as running:
        port = urlsplit(running.url).port
        assert port is not None
        yield port, running.process.pid


def read_peak(pid: int) -> int:
    """Return the largest resident set that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


async def exchange(port: int, lines: str, *, sends: int) -> int:
    """Send a request with a body and return how many bytes of body came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{lines}\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    for _ in range(sends // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()
    await reader.readuntil(b"\r\n\r\n")
    received = 0
    while piece := await reader.read(MEBIBYTE):
        received += len(piece)
    writer.close()
    return received


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_much_passes_in_little_memory(process: tuple[int, int], posts: RawUpstream) -> None:
    """200 MiB pass in each direction, and the process grows by no more than a fraction of that."""
    port, pid = process
    taken = 0

    async def swap(request: Received) -> None:
        nonlocal taken
        while taken < SIZE and (piece := await request.reader.read(MEBIBYTE)):
            taken += len(piece)
        await request.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        for _ in range(SIZE // len(PIECE)):
            await request.send(PIECE)

    await exchange(port, "GET /public/warm HTTP/1.1", sends=0)
    posts.script = swap
    before = read_peak(pid)
    assert await exchange(port, f"POST /public/x HTTP/1.1\r\nContent-Length: {SIZE}", sends=SIZE) == SIZE
    assert taken == SIZE
    growth = read_peak(pid) - before
    assert growth < MAX_GROWTH, f"grew by {growth / MEBIBYTE:.1f} MiB"
