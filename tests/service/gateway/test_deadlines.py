"""Every wait for a client has a deadline, and slow clients change nothing for the others. Raw bytes on sockets."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits
from tests.support.gateway_in_process import RunningGateway, json_of, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

QUICK = ClientLimits(idle=0.3, head=0.3, body=0.3, rate=1000, write_stall=0.3, linger=0.2)
PATIENT = 10  # seconds until a test is taken for hung
LATE = {"error": "The request took too long to arrive"}
SLOW_SOCKETS = 2000


@pytest.fixture
async def hurried(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway with short deadlines for clients."""
    async with running_gateway(rules, client_limits=QUICK) as running:
        yield running


@contextlib.asynccontextmanager
async def connected(gateway: RunningGateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give a connection to the gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def trickle(gateway: RunningGateway, begin: str, piece: bytes) -> bytes:
    """Send a beginning, then a piece again and again, until the gateway has sent all that it will."""
    async with connected(gateway) as (reader, writer):
        writer.write(begin.replace("HOST", gateway.host).encode())

        async def go_on() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.02)

        sending = asyncio.create_task(go_on())
        try:
            return await asyncio.wait_for(reader.read(), PATIENT)
        finally:
            sending.cancel()


def head_of(lines: str) -> str:
    """Return a head without its end."""
    return f"{lines}\r\nHost: HOST"


SLOW_HEADS = {
    "a method": ("GE", b""),
    "a target": ("GET /public/", b"x"),
    "a field": (head_of("GET /public/x HTTP/1.1") + "\r\nX: ", b"x"),
    "fields": (head_of("GET /public/x HTTP/1.1"), b"\r\nX: y"),
    "empty lines ahead of a request": ("", b"\r\n"),
}


@pytest.mark.parametrize(("begin", "piece"), SLOW_HEADS.values(), ids=SLOW_HEADS)
async def test_a_slow_head(hurried: RunningGateway, posts: RawUpstream, begin: str, piece: bytes) -> None:
    """A head that is not whole in time gets 408 in the one error shape, however lively its bytes drip."""
    answer = await trickle(hurried, begin, piece)
    assert (status_of(answer), json_of(answer)) == (408, LATE)
    assert b"connection: close" in answer.lower()
    assert b"x-request-id: " in answer.lower()
    assert posts.received == []


async def test_a_head_that_stops(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A head that just stops gets 408."""
    answer = await hurried.send_raw(b"GET /public/x HTTP/1.1\r\nHost: loc")
    assert (status_of(answer), json_of(answer)) == (408, LATE)
    assert posts.received == []


async def test_a_connection_that_sends_nothing(hurried: RunningGateway) -> None:
    """A connection that sends nothing is closed without a word: browsers open such ahead of time."""
    assert await hurried.send_raw(b"") == b""


async def test_an_idle_connection(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A kept-alive connection serves the next request, and is closed without a word when none begins in time."""
    request = f"GET /public/x HTTP/1.1\r\nHost: {hurried.host}\r\n\r\n".encode()
    async with connected(hurried) as (reader, writer):
        for _ in range(3):
            writer.write(request)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        assert await asyncio.wait_for(reader.read(), PATIENT) == b""
    assert len(posts.received) == 3


async def test_a_slow_second_head(hurried: RunningGateway) -> None:
    """On a kept-alive connection the next head has as long as the first, from its first byte."""
    request = f"GET /public/x HTTP/1.1\r\nHost: {hurried.host}\r\n\r\n".encode()
    async with connected(hurried) as (reader, writer):
        writer.write(request)
        await reader.readuntil(b"\r\n\r\nok")
        writer.write(request[:-1])
        answer = await asyncio.wait_for(reader.read(), PATIENT)
    assert (status_of(answer), json_of(answer)) == (408, LATE)


SLOW_BODIES = {
    "that stops": ("POST /public/x HTTP/1.1\r\nContent-Length: 100000", b""),
    "that drips": ("POST /public/x HTTP/1.1\r\nContent-Length: 100000", b"x"),
    "of small chunks": ("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", b"1\r\nx\r\n"),
    "of a chunk's endless extension": ("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", b"1;x"),
    "with endless trailers": ("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", b"X: y\r\n"),
}


@pytest.mark.parametrize(("lines", "piece"), SLOW_BODIES.values(), ids=SLOW_BODIES)
async def test_a_slow_body(hurried: RunningGateway, posts: RawUpstream, lines: str, piece: bytes) -> None:
    """A body that is neither complete in time nor comes at the least rate gets 408; its upstream request is ended."""
    begin = head_of(lines) + "\r\n\r\n" + ("0\r\n" if piece == b"X: y\r\n" else "")
    answer = await trickle(hurried, begin, piece)
    assert (status_of(answer), json_of(answer)) == (408, LATE)
    assert b"connection: close" in answer.lower()
    await eventually(lambda: posts.open_connections == 0)


async def test_a_long_body_that_keeps_its_rate(hurried: RunningGateway) -> None:
    """A body may take longer than its time while it keeps the least rate."""
    async with connected(hurried) as (reader, writer):
        begin = head_of("POST /public/x HTTP/1.1\r\nContent-Length: 50000\r\nConnection: close")
        writer.write(f"{begin}\r\n\r\n".replace("HOST", hurried.host).encode())
        for _ in range(50):
            await asyncio.sleep(0.02)
            writer.write(b"x" * 1000)
        assert status_of(await asyncio.wait_for(reader.read(), PATIENT)) == 200


async def test_a_slow_upstream_is_not_the_clients_fault(hurried: RunningGateway, posts: RawUpstream) -> None:
    """Time in which the gateway reads nothing, for the upstream reads nothing, does not count against the client."""

    async def read_late(request: Received) -> None:
        await asyncio.sleep(QUICK.body * 4)
        await request.answer(str(len(await request.read_body())).encode())

    posts.script = read_late
    body = b"x" * 16_000_000
    async with connected(hurried) as (reader, writer):
        begin = head_of(f"POST /public/x HTTP/1.1\r\nContent-Length: {len(body)}\r\nConnection: close")
        writer.write(f"{begin}\r\n\r\n".replace("HOST", hurried.host).encode() + body)
        assert (await asyncio.wait_for(reader.read(), PATIENT)).endswith(b"16000000")


async def test_a_slow_answer_is_waited_for(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A client that waits for its answer owes nothing: no deadline of its own ends the wait."""

    async def answer_late(request: Received) -> None:
        await asyncio.sleep(QUICK.head * 4)
        await request.answer(b"ok")

    posts.script = answer_late
    assert (await hurried.send_head("GET /public/x HTTP/1.1")).endswith(b"ok")


async def test_a_client_that_reads_nothing(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A client that reads nothing of its answer for too long loses it, and the upstream connection is free again."""

    async def send_without_end(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            await request.send(b"x" * 65_536)

    posts.script = send_without_end
    async with connected(hurried) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(f"GET /public/x HTTP/1.1\r\nHost: {hurried.host}\r\n\r\n".encode())
        await eventually(lambda: len(posts.received) == 1)
        await eventually(lambda: posts.open_connections == 0)


async def test_an_early_refusal_ends_the_connection(hurried: RunningGateway, posts: RawUpstream) -> None:
    """After a refusal that left a body unread the client can read it, and the rest is not read without end."""
    lines = head_of("POST /small HTTP/1.1\r\nContent-Length: 1000000000000").replace("HOST", hurried.host)
    async with connected(hurried) as (reader, writer):
        writer.write(f"{lines}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), PATIENT)
        assert status_of(answer) == 413
        assert b"connection: close" in answer.lower()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(send_without_end_to(writer), PATIENT)
    assert posts.received == []


async def test_a_refusal_is_seen_by_a_client_that_sends_on(hurried: RunningGateway) -> None:
    """A client that sends its body without waiting gets to read the refusal."""
    lines = head_of("POST /small HTTP/1.1\r\nContent-Length: 300000").replace("HOST", hurried.host)
    answer = await hurried.send_raw(f"{lines}\r\n\r\n".encode() + b"x" * 300_000)
    assert status_of(answer) == 413


async def test_a_refused_head_is_told_to_a_client_that_sends_on(hurried: RunningGateway) -> None:
    """So does one whose head is refused, and whose body is not read therefore: it sees no reset."""
    lines = head_of("POST /public/x HTTP/1.1\r\nContent-Length: 3000000\r\nConnection: cookie").replace(
        "HOST", hurried.host
    )
    async with connected(hurried) as (reader, writer):
        writer.write(f"{lines}\r\n\r\nbegin".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"must arrive"), PATIENT)
        writer.write(b"x" * 3_000_000)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(writer.drain(), PATIENT)
        rest = await asyncio.wait_for(reader.read(), PATIENT)
    assert status_of(answer) == 400
    assert rest.endswith(b"}")


async def test_many_slow_clients(gateway: RunningGateway, open_files: int) -> None:
    """Thousands of connections that send a byte each change nothing for others: all of these are served meanwhile."""
    count = min(SLOW_SOCKETS, (open_files - 200) // 2)
    slow = await asyncio.gather(*[asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(count)])
    try:
        for turn in range(3):
            for _, writer in slow:
                writer.write(b"GET"[turn : turn + 1])
            answers = await asyncio.gather(*[gateway.send_head("GET /public/x HTTP/1.1") for _ in range(20)])
            assert [status_of(answer) for answer in answers] == [200] * 20
        ends = await asyncio.wait_for(asyncio.gather(*[reader.read() for reader, _ in slow]), 60)
        assert {status_of(end) for end in ends} == {408}
        assert status_of(await gateway.send_head("GET /public/x HTTP/1.1")) == 200
    finally:
        for _, writer in slow:
            writer.close()


@pytest.fixture
def open_files() -> Iterator[int]:
    """Let this process open as many files as it may, and give that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def send_without_end_to(writer: asyncio.StreamWriter) -> None:
    """Send until the connection ends."""
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()
