"""Back-pressure: neither side is read faster than the other reads, and one kept waiting by the other is not late."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits, Limits
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.raw_client import LIMIT, RawClient, connected, settle
from tests.support.raw_upstream import RawUpstream, Received, echo_chunks, running_upstream
from tests.support.waiting import eventually

PIECE = b"x" * 65_536
MEBIBYTE = 1_048_576
SIZE = 64 * MEBIBYTE
IN_FLIGHT = 40 * MEBIBYTE  # more than all the buffers of the four sockets hold
QUICK = Limits(first_byte=0.3, silence=0.3, connections=1, waiting=1, wait=0.1)
HURRIED = ClientLimits(idle=0.3, head=0.3, body=0.3, rate=1000)


@pytest.fixture
async def hurried(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway with short deadlines for whatever it waits for."""
    async with running_gateway(rules, limits=QUICK, client_limits=HURRIED) as gateway:
        yield gateway


@pytest.fixture
async def client(hurried: RunningGateway) -> AsyncIterator[RawClient]:
    """Give a connection to it."""
    async with connected(hurried) as client:
        yield client


async def stalls(count: Callable[[], int]) -> int:
    """Return a growing number once it has stopped growing, for longer than any deadline."""
    before = -1
    while before != count() or not before:
        before = count()
        await asyncio.sleep(0.5)
    return before


async def test_both_ways_at_once(gateway: RunningGateway, posts: RawUpstream) -> None:
    """While a client reads nothing of an answer that echoes its body, neither goes on; then both pass whole."""
    async with connected(gateway) as client:
        await check_echo(client, posts)


async def check_echo(client: RawClient, posts: RawUpstream) -> None:
    """Send a long body that is echoed, see it stall as long as the echo is not read, and then pass whole."""
    posts.script = echo_chunks
    sent = 0

    async def send_all() -> None:
        nonlocal sent
        while sent < SIZE:
            client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            await client.writer.drain()
            sent += len(PIECE)
        client.send(b"0\r\n\r\n")

    client.ask("POST /public/x", "Transfer-Encoding: chunked")
    sending = asyncio.create_task(send_all())
    assert await stalls(lambda: sent) < IN_FLIGHT
    assert (await client.read_head()).status == 200
    assert sum([len(chunk) async for chunk in client.read_chunks()]) == SIZE
    await sending


async def test_an_upstream_that_is_kept_from_sending(client: RawClient, posts: RawUpstream) -> None:
    """Nor is an upstream late that reads nothing because nobody reads from it."""
    await check_echo(client, posts)


async def test_answers_that_are_not_taken(client: RawClient, posts: RawUpstream) -> None:
    """Of pipelined requests no more are forwarded than answers are read; then all come, in order."""
    total = 1000

    async def answer(request: Received) -> None:
        await request.answer(request.target.encode().ljust(len(PIECE)))

    posts.script = answer
    for number in range(total):
        client.ask(f"GET /public/{number}")
    assert await stalls(lambda: len(posts.received)) < IN_FLIGHT / len(PIECE)
    for number in range(total):
        assert (await client.read_answer()).body.rstrip() == f"/public/{number}".encode()


@pytest.mark.parametrize("framing", [f"Content-Length: {SIZE}", "Connection: close"])
async def test_a_client_that_takes_its_time(client: RawClient, posts: RawUpstream, framing: str) -> None:
    """An upstream that is not read meanwhile is not silent: a client that pauses gets the whole answer."""
    sent = 0

    async def answer(request: Received) -> None:
        nonlocal sent
        await request.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        while sent < SIZE:
            await request.send(PIECE)
            sent += len(PIECE)
        request.writer.close()

    posts.script = answer
    client.ask("GET /public/x")
    assert await stalls(lambda: sent) < IN_FLIGHT
    assert len((await client.read_answer()).body) == SIZE


async def test_an_upstream_that_takes_its_time(client: RawClient, posts: RawUpstream) -> None:
    """A client that is not read meanwhile is not late: an upstream that pauses for less than it may gets all."""

    async def read_in_steps(request: Received) -> None:
        taken = 0
        while taken < SIZE:
            await asyncio.sleep(0.01)
            taken += len(await request.reader.readexactly(MEBIBYTE))
        await request.answer(str(taken).encode())

    posts.script = read_in_steps
    client.ask("POST /public/x", f"Content-Length: {SIZE}", body=b"x" * SIZE)
    assert (await client.read_answer()).body == str(SIZE).encode()


async def test_an_upstream_that_takes_nothing(client: RawClient, posts: RawUpstream) -> None:
    """An upstream that reads nothing of a long body for too long is given up: 504, the end, and its slot is free."""

    async def take_nothing(request: Received) -> None:
        request.writer.transport.pause_reading()  # type: ignore[attr-defined] # nor does its stream read on
        await asyncio.Event().wait()

    posts.script = take_nothing
    client.ask("POST /public/x", f"Content-Length: {SIZE}", body=b"x" * SIZE)
    found = await client.read_answer()
    assert (found.status, found.says_close) == (504, True)
    await eventually(lambda: client.reader.at_eof() or client.writer.is_closing(), LIMIT)


async def test_a_request_that_ends_while_its_answer_is_not_taken(client: RawClient, posts: RawUpstream) -> None:
    """Nor is an upstream late from which nobody reads when the request ends: the answer begun comes whole."""
    half = b"x" * 100_000
    sent = 0

    async def answer_first(request: Received) -> None:
        nonlocal sent
        body = asyncio.create_task(request.read_body())
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        while sent < SIZE:
            await request.send(PIECE)
            sent += len(PIECE)
        await body

    posts.script = answer_first
    client.ask("POST /public/x", f"Content-Length: {2 * len(half)}", body=half)
    await eventually(lambda: sent > 0)
    await asyncio.sleep(0.2)  # the client's time for its body is not over, and nothing of the answer moves
    client.send(half)
    await asyncio.sleep(4 * QUICK.silence)
    assert len((await client.read_answer()).body) == SIZE


async def test_an_upstream_that_answers_and_takes_no_more(rules: Path, tmp_path: Path, posts: RawUpstream) -> None:
    """A connection on which part of a request still waits is not reused, however complete its answer is."""

    async def answer_early(request: Received) -> None:
        if request.target == "/public/next":
            await request.answer(await request.read_body())
            return
        request.writer.transport.pause_reading()  # type: ignore[attr-defined] # nor does its stream read on
        await is_sent.wait()
        await request.answer(b"early")
        await asyncio.Event().wait()

    is_sent = asyncio.Event()
    first, rest = b"x" * 200_000, b"x" * 500_000  # more than a Unix socket holds
    async with running_upstream(answer_early, path=tmp_path / "upstream.sock") as taking_nothing:
        change_rules(rules, posts.url, taking_nothing.url)
        async with running_gateway(rules, limits=QUICK) as gateway:
            async with connected(gateway) as client:
                client.ask("POST /public/first", f"Content-Length: {len(first + rest)}", body=first)
                await eventually(lambda: len(taking_nothing.received) == 1)
                await settle()
                client.send(rest)
                await asyncio.sleep(0.1)
                is_sent.set()
                assert (await client.read_answer()).body == b"early"
            async with connected(gateway) as client:
                client.ask("POST /public/next", "Transfer-Encoding: chunked", body=b"5\r\n12345\r\n")
                await settle()
                client.send(b"0\r\n\r\n")
                assert (await client.read_answer()).body == b"12345"
