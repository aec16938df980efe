"""A gateway that drains and then shuts down, as its clients see it: whole last answers that say so, and nothing else.

It drains from SIGTERM on (``shared.process.draining``) and shuts down afterwards, as uvicorn asks each of its
connections to.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.gateway_in_process import RunningGateway, running_gateway, status_of
from tests.support.raw_client import LIMIT, RawClient, connected, settle
from tests.support.raw_upstream import RawUpstream, Received, answer_variously
from tests.support.waiting import eventually

LINES = {
    "an upstream's answer": ("GET /public/x", 200),
    "an upstream's answer to a write": ("POST /public/x\r\nContent-Length: 0", 200),
    "an upstream's answer to HEAD": ("HEAD /public/x", 200),
    "an upstream's 304": ("GET /public/304", 304),
    "an upstream's chunks": ("GET /public/chunks", 200),
    "an upstream's own close": ("GET /public/close", 200),
    "an own page": ("GET /livez", 200),
    "a redirect": ("GET /userposts/1\r\nAccept: text/html", 302),
    "no rule": ("GET /nowhere", 404),
    "methods": ("OPTIONS /api/user/1", 204),
    "two readings": ("GET //public/x", 400),
    "a body beyond the cap": ("POST /small\r\nContent-Length: 11", 413),
    "no request": ("\0", 400),
    "a client that closes": ("GET /public/x\r\nConnection: close", 200),
    "an old client": ("GET /public/x HTTP/1.0", 200),
}


@pytest.fixture
async def stack(posts: RawUpstream) -> AsyncIterator[AsyncExitStack]:
    """Give what a gateway is entered into, so that a test can end it."""
    posts.script = answer_variously
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def gateway(stack: AsyncExitStack, rules: Path) -> RunningGateway:
    """Give a gateway with a kept-alive connection to its upstream."""
    gateway = await stack.enter_async_context(running_gateway(rules))
    async with connected(gateway) as client:
        await client.exchange("GET /public/warm")
    return gateway


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[RawClient]:
    """Give a connection to the gateway that has served a request."""
    async with connected(gateway) as client:
        await client.exchange("GET /public/first")
        yield client


@contextlib.asynccontextmanager
async def shutting_down(stack: AsyncExitStack) -> AsyncIterator[None]:
    """Shut the gateway down; at the end that is over."""
    ending = asyncio.create_task(stack.aclose())
    await settle()
    yield
    await asyncio.wait_for(ending, LIMIT)


@pytest.mark.parametrize(("lines", "status"), LINES.values(), ids=LINES)
async def test_the_last_answer_says_so(gateway: RunningGateway, client: RawClient, lines: str, status: int) -> None:
    """While the gateway drains, each answer, on a kept-alive connection or a new one, says once that it is the last."""
    gateway.server.handle_exit(signal.SIGTERM, None)
    line, *fields = lines.split("\r\n")
    async with connected(gateway) as fresh:
        for each in (client, fresh):
            found = await each.exchange(line, *fields)
            assert (found.status, found.values("connection")) == (status, ["close"])
            assert await each.read_rest() == b""


async def test_an_answer_that_was_due_as_draining_began(
    gateway: RunningGateway, client: RawClient, posts: RawUpstream
) -> None:
    """A request whose answer had not begun when draining began gets one that says that it is the last."""
    may_answer = asyncio.Event()

    async def answer_late(request: Received) -> None:
        await may_answer.wait()
        await request.answer(b"late")

    posts.script = answer_late
    before = len(posts.received)
    async with connected(gateway) as other:
        client.ask("GET /public/x")
        other.ask("POST /public/x")
        await eventually(lambda: len(posts.received) == before + 2)
        gateway.server.handle_exit(signal.SIGTERM, None)
        may_answer.set()
        for each in (client, other):
            found = await each.read_answer()
            assert (found.body, found.values("connection")) == (b"late", ["close"])
            assert await each.read_rest() == b""


async def test_idle_connections_end(gateway: RunningGateway, client: RawClient, stack: AsyncExitStack) -> None:
    """At the shutdown a connection that waits for a request ends without a word, new, kept, or within a head."""
    async with connected(gateway) as fresh, connected(gateway) as begun:
        begun.send(b"GET /pub")
        await settle()
        async with shutting_down(stack):
            for each in (client, fresh, begun):
                assert await each.read_rest() == b""


ANSWERS = {
    "has not begun": (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef"),
    "has begun": (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", b"def"),
    "has not begun, in chunks": (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n"),
    "has begun, in chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"3\r\ndef\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("begin", "end"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_running_answers_are_finished(
    client: RawClient, posts: RawUpstream, stack: AsyncExitStack, method: str, begin: bytes, end: bytes
) -> None:
    """An answer that is due at the shutdown, or on its way, comes whole; then the connection ends."""
    has_begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: Received) -> None:
        await request.send(begin)
        has_begun.set()
        await may_go_on.wait()
        await request.send(end)

    posts.script = answer
    client.ask(f"{method} /public/x")
    client.ask("GET /public/never")
    await asyncio.wait_for(has_begun.wait(), LIMIT)
    await settle()
    async with shutting_down(stack):
        may_go_on.set()
        found = await client.read_answer()
        assert found.body == b"abcdef"
        # What has begun could not say so any more: whoever sends its beginning on at once has said nothing.
        assert found.values("connection") in ([["close"], []] if begin else [["close"]])
        assert await client.read_rest() == b""
    assert posts.received[-1].target == "/public/x"


async def test_a_body_that_is_still_coming(client: RawClient, posts: RawUpstream, stack: AsyncExitStack) -> None:
    """A request whose body is on its way at the shutdown is read to its end and answered."""
    before = len(posts.received)
    client.ask("POST /public/x", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    await eventually(lambda: len(posts.received) > before)
    async with shutting_down(stack):
        client.send(b"0\r\n\r\n")
        found = await client.read_answer()
        assert (found.status, found.values("connection")) == (200, ["close"])
        assert await client.read_rest() == b""


TOO_LATE = {
    "has not begun": ("GET /public/x", b"", 503),
    "has not begun, nor has its request ended": ("POST /public/x\r\nContent-Length: 90000\r\n\r\nabc", b"", 503),
    "has begun": ("GET /public/x", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200),
}


@pytest.mark.parametrize(("request_line", "begin", "status"), TOO_LATE.values(), ids=TOO_LATE)
async def test_what_takes_longer_than_the_grace_is_ended(
    gateway: RunningGateway,
    client: RawClient,
    posts: RawUpstream,
    stack: AsyncExitStack,
    request_line: str,
    begin: bytes,
    status: int,
) -> None:
    """Then its client gets an error, if no answer has begun, and the log has its line as for any other."""
    is_over, before = asyncio.Event(), len(posts.received)

    async def begin_only(request: Received) -> None:
        await request.send(begin)
        await is_over.wait()
        request.writer.close()

    posts.script = begin_only
    line, *lines = request_line.split("\r\n")
    client.ask(line, *lines)
    await eventually(lambda: len(posts.received) > before)
    await settle()
    gateway.server.config.timeout_graceful_shutdown = 0
    with capture_logs() as logs:
        async with shutting_down(stack):
            answer = await client.read_rest()
    is_over.set()
    assert status_of(answer) == status
    assert not answer.endswith(b"0\r\n\r\n")
    assert [each["status"] for each in logs if each["event"] == "request_finished"] == [status]
