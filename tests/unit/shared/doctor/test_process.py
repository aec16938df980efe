"""What ``doctor`` makes of whatever listens where the process of a service should."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from shared.doctor import process
from shared.doctor.process import examine_process
from tests.support.ports import find_free_port
from tests.support.services import posts_settings

OK, UNAVAILABLE, NOT_FOUND = "200 OK", "503 Service Unavailable", "404 Not Found"
READY = '{"status": "ready"}'
METRICS = 'gatepost_feed_lag_seconds{feed="users"} 0.1\n'
FEED = ("ok", "users: last heard of 0.1 s ago")
RUNS = ("ok", "it runs, and is ready")
Found = list[tuple[str, str]]


@contextlib.asynccontextmanager
async def answering(status: str, body: str) -> AsyncIterator[int]:
    """Give the port of a server that answers everything alike; without a status it never answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if status:
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        else:
            await reader.read()  # until the other end gives up
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def look(port: int, metrics_port: int) -> Found:
    """Return what is found of a service with these ports."""
    settings = posts_settings("postgresql://nobody@127.0.0.1:1/nothing", port=port, metrics_port=metrics_port)
    return [(each.level.value, each.says) for each in await examine_process(settings)]


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (OK, READY, [RUNS]),
        (OK, '{"status": "ready", "remarks": {"clock": "off"}}', [("warning", "ready, but for clock: off")]),
        (
            UNAVAILABLE,
            '{"status": "not ready", "lacks": {"database": "lost"}}',
            [("problem", "not ready: database is lost")],
        ),
    ],
)
async def test_what_the_service_says(status: str, body: str, found: Found) -> None:
    """What the service says of its readiness is told, and how old its feeds are."""
    async with answering(status, body) as port, answering(OK, METRICS) as metrics_port:
        assert await look(port, metrics_port) == [*found, FEED]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (OK, "{}"),
        (OK, '{"status": "ok"}'),
        (OK, '{"hello": "world"}'),
        (OK, "[]"),
        (OK, "ready"),
        (NOT_FOUND, '{"detail": "Not Found"}'),
        (NOT_FOUND, READY),
        (UNAVAILABLE, READY),
        (UNAVAILABLE, '{"status": "not ready"}'),
        (UNAVAILABLE, '{"status": "not ready", "lacks": ["database"]}'),
    ],
)
async def test_a_stranger_is_not_the_service(status: str, body: str) -> None:
    """Only what says that it is ready, or what it lacks, as ``/readyz`` does, is taken for the service."""
    async with answering(status, body) as port, answering(OK, METRICS) as metrics_port:
        first, *_ = await look(port, metrics_port)
    assert first == ("problem", "what answers at the service's port is not the service")


async def test_a_stranger_who_speaks_no_http() -> None:
    """Who answers anything but HTTP is a stranger, too."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ((level, says),) = await look(port, find_free_port())
    assert (level, f"127.0.0.1:{port}" in says) == ("problem", True)


async def test_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes a call and never answers is a problem."""
    monkeypatch.setattr(process, "TIMEOUT", 0.2)
    async with answering("", "") as silent:
        hanging = ("problem", f"127.0.0.1:{silent} does not answer: the process hangs")
        assert await look(silent, find_free_port()) == [hanging]


async def test_metrics_that_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that answers for its readiness, and never for its metrics, is a problem."""
    monkeypatch.setattr(process, "TIMEOUT", 3.0)
    async with answering(OK, READY) as port, answering("", "") as silent:
        assert await look(port, silent) == [RUNS, ("problem", f"127.0.0.1:{silent} does not answer: the process hangs")]


async def test_a_service_that_does_not_run() -> None:
    """Where nobody listens the service does not run, which is no problem by itself."""
    port = find_free_port()
    ((level, says),) = await look(port, find_free_port())
    assert (level, says.startswith(f"nothing answers at 127.0.0.1:{port}: ")) == ("unknown", True)


async def test_metrics_that_nobody_gives() -> None:
    """Where only the metrics' port is closed, the readiness is told all the same, and that port is named."""
    closed = find_free_port()
    async with answering(OK, READY) as port:
        ready, (level, says) = await look(port, closed)
    assert (ready, level) == (RUNS, "unknown")
    assert says.startswith(f"nothing answers at 127.0.0.1:{closed}: ")


async def test_metrics_of_a_stranger() -> None:
    """What answers at the metrics' port without metrics of ours is a stranger."""
    async with answering(OK, READY) as port, answering(NOT_FOUND, "") as metrics_port:
        found = await look(port, metrics_port)
    assert found == [RUNS, ("problem", "what answers at the metrics' port is not the service")]
