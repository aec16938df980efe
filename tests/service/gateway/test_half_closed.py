"""Clients that send whole requests and then half-close (``nc -N``): they get their answers (RFC 9112, 9.6).

Until something is sent to it, such a client looks like one that has gone. So what it may hold has a bound.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits, Limits
from tests.support.gateway_in_process import RunningGateway, running_gateway, status_of
from tests.support.raw_client import connected
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

IMPATIENT = ClientLimits(half_closed=0.4)
LIMIT = 10.0  # seconds


@pytest.fixture
async def impatient(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway that soon takes a half-closed client for gone."""
    async with running_gateway(rules, client_limits=IMPATIENT, limits=Limits(connections=1, wait=0.1)) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def half_closed(gateway: RunningGateway, data: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """Send bytes, half-close, and give what reads the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    writer.write_eof()
    yield reader
    writer.close()


async def read_all(gateway: RunningGateway, data: bytes) -> bytes:
    """Send bytes, half-close, and return all that is answered until the gateway closes its side."""
    async with half_closed(gateway, data) as reader:
        return await asyncio.wait_for(reader.read(), LIMIT)


def ask(gateway: RunningGateway, line: str, further: str = "") -> bytes:
    """Return a request's head."""
    return f"{line}\r\nHost: {gateway.host}\r\n{further}\r\n".encode()


@pytest.mark.parametrize("line", ["GET /public/x HTTP/1.1", "GET /public/x HTTP/1.0", "GET /nowhere HTTP/1.1"])
async def test_a_request_is_answered(gateway: RunningGateway, line: str) -> None:
    """A whole request is answered, by an upstream and by the gateway itself, and then the connection ends."""
    answer = await read_all(gateway, ask(gateway, line))
    assert status_of(answer) == (404 if "nowhere" in line else 200)


async def test_a_second_request_is_answered(gateway: RunningGateway) -> None:
    """So is one for which there is a kept-alive connection to the upstream."""
    for _ in range(3):
        assert status_of(await read_all(gateway, ask(gateway, "GET /public/x HTTP/1.1"))) == 200


async def test_a_write_is_answered(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A request with a whole body is answered: its client learns what it did."""
    head = ask(gateway, "POST /public/x HTTP/1.1", "Content-Length: 5\r\n")
    assert status_of(await read_all(gateway, head + b"12345")) == 200
    assert len(posts.received) == 1


async def test_requests_sent_ahead_are_answered(gateway: RunningGateway) -> None:
    """Several requests in one piece are all answered before the connection ends."""
    answers = await read_all(gateway, ask(gateway, "GET /public/x HTTP/1.1") * 5)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 5


@pytest.mark.parametrize("first", ["POST /public/x", "HEAD /public/x", "GET /nowhere", "GET /public/x"])
@pytest.mark.parametrize("further", [1, 2])
async def test_whatever_is_sent_ahead_is_answered(gateway: RunningGateway, first: str, further: int) -> None:
    """Behind a request with a body, one whose answer has none, and one that is refused: each gets its answer."""
    body = b"12345" if first.startswith("POST") else b""
    head = ask(gateway, f"{first} HTTP/1.1", f"Content-Length: {len(body)}\r\n" if body else "")
    answers = await read_all(gateway, head + body + ask(gateway, "GET /public/x HTTP/1.1") * further)
    assert answers.count(b"HTTP/1.1 ") == 1 + further


@pytest.mark.parametrize("piece", [b"", b"GET /public/x HT", b"GET /public/x HTTP/1.1\r\nHost: a\r\n"])
async def test_half_a_request_ends(gateway: RunningGateway, posts: RawUpstream, piece: bytes) -> None:
    """An incomplete request is not answered, and the connection closes at once."""
    assert await read_all(gateway, piece) == b""
    assert posts.received == []


async def test_half_a_body_ends(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A request whose body breaks off reaches no upstream, and the connection ends."""
    head = ask(gateway, "POST /public/x HTTP/1.1", "Content-Length: 5\r\n")
    assert await read_all(gateway, head + b"12") == b""
    assert posts.received == []


async def test_half_a_request_behind_a_whole_one(gateway: RunningGateway) -> None:
    """The whole request is answered, and the half one behind it ends the connection."""
    answer = await read_all(gateway, ask(gateway, "GET /public/x HTTP/1.1") + b"GET /pub")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_long_answer_comes_whole(impatient: RunningGateway, posts: RawUpstream) -> None:
    """An answer that comes in pieces goes on as long as they come, however long that takes in all."""

    async def send_slowly(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.15)
            await request.send(b"a")

    posts.script = send_slowly
    assert (await read_all(impatient, ask(impatient, "GET /public/x HTTP/1.1"))).endswith(b"\r\n\r\naaaaaaaa")


@pytest.mark.parametrize("is_begun", [False, True])
async def test_a_client_that_may_be_gone_is_not_waited_for_long(
    impatient: RunningGateway, posts: RawUpstream, *, is_begun: bool
) -> None:
    """When there is nothing to send for a while the client counts as gone, and its slot at the upstream is free."""

    async def stand_still(request: Received) -> None:
        if is_begun:
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na")
        await request.reader.read()

    posts.script = stand_still
    async with half_closed(impatient, ask(impatient, "GET /public/x HTTP/1.1")) as reader:
        await eventually(lambda: posts.open_connections == 1)
        await eventually(lambda: posts.open_connections == 0)
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), LIMIT)


async def test_a_gone_client_is_noticed_when_something_is_sent(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A stream to a client that has gone ends with its next pieces, long before it would count as gone."""

    async def tell(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not request.writer.is_closing():
            await request.send(b"data: x\n\n")
            await asyncio.sleep(0.02)

    posts.script = tell
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(ask(gateway, "GET /public/x HTTP/1.1"))
    await reader.readuntil(b"data: x")
    writer.close()
    await eventually(lambda: posts.open_connections == 0, ClientLimits().half_closed / 2)


async def test_requests_sent_ahead_are_answered_as_they_are_taken(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Requests wait while their client reads no answers; its half-close does not cost them theirs."""
    body, total = b"x" * 65_000, 300  # more than the buffers of two sockets hold

    async def answer(request: Received) -> None:
        await request.answer(body)

    posts.script = answer
    async with connected(gateway) as client:
        client.send(client.head("GET /public/x") * total)
        client.end_sending()
        before = -1
        while before != len(posts.received):
            before = len(posts.received)
            await asyncio.sleep(0.5)
        assert before < total
        for _ in range(total):
            assert (await client.read_answer()).body == body
        assert await client.read_rest() == b""


async def test_a_client_that_may_be_gone_is_not_waited_for_long_again(
    impatient: RunningGateway, posts: RawUpstream
) -> None:
    """The bound holds for each of the requests pipelined before the half-close, not for the first alone."""

    async def stand_still_then(request: Received) -> None:
        if request.target == "/public/first":
            await request.answer(b"ok")
        else:
            await request.reader.read()
            request.writer.close()

    posts.script = stand_still_then
    async with connected(impatient) as client:
        client.send(client.head("GET /public/first") + client.head("GET /public/second"))
        client.end_sending()
        assert (await client.read_answer()).body == b"ok"
        await eventually(lambda: len(posts.received) == 2)
        await eventually(lambda: posts.open_connections == 0)
