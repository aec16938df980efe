"""What lasts has slots of its own at an upstream: event streams, slow downloads, long polls leave others alone."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.raw_client import RawClient, connected
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

STREAMS, DOWNLOADS, OTHERS = 2000, 300, 20
AT_ONCE = 50  # streams that are asked for before the answers to any of them are read
FEW = Limits(connections=2, bodies=1, waiting=0, long=8, long_after=0.2)
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"


async def serve_long(request: Received) -> None:
    """Answer as the target says: what lasts until the client goes, or ``ok``."""
    match request.target.rpartition("/")[2]:
        case "events":
            await request.send(EVENTS + EVENT)
            await request.reader.read()
        case "download":
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    await request.send(b"x" * 65_536)
        case "trickle":
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            await request.reader.read()
        case "poll":
            await request.reader.read()
        case "upload":
            await request.read_body()
            await request.send(EVENTS + EVENT)
            await request.reader.read()
        case _:
            await request.read_body()
            await request.answer(b"ok")


@pytest.fixture
async def few(rules: Path, posts: RawUpstream) -> AsyncIterator[RunningGateway]:
    """Give a gateway with two slots for whole requests, and one for bodies."""
    posts.script = serve_long
    async with running_gateway(rules, limits=FEW) as running:
        yield running


async def ask(gateway: RunningGateway, stack: contextlib.AsyncExitStack, name: str) -> RawClient:
    """Ask for something on a connection of its own, and read nothing of it."""
    client = await stack.enter_async_context(connected(gateway))
    client.ask(f"GET /public/{name}")
    return client


async def open_streams(gateway: RunningGateway, stack: contextlib.AsyncExitStack, count: int) -> None:
    """Open so many event streams at once; those that a busy machine sheds are asked for again, ten times at most."""
    for _ in range(1 + 10):
        events = [await ask(gateway, stack, "events") for _ in range(count)]
        statuses = [(await client.read_head()).status for client in events]
        assert set(statuses) <= {200, 503}
        count = statuses.count(503)
        if not count:
            return
    raise AssertionError("each time some were shed")


async def is_answered(gateway: RunningGateway) -> bool:
    """Tell whether an ordinary request is answered."""
    return status_of(await gateway.send_head("GET /public/x HTTP/1.1")) == 200


async def test_thousands_of_event_streams_and_slow_downloads(rules: Path, posts: RawUpstream, open_files: int) -> None:
    """2,000 open event streams and 300 downloads whose takers read nothing are served, and so is everybody else."""
    posts.script = serve_long
    streams = min(STREAMS, (open_files - 200 - 4 * DOWNLOADS) // 4) // AT_ONCE * AT_ONCE
    async with running_gateway(rules) as gateway, contextlib.AsyncExitStack() as stack:
        for _ in range(0, streams, AT_ONCE):
            await open_streams(gateway, stack, AT_ONCE)
        for _ in range(DOWNLOADS):
            (await ask(gateway, stack, "download")).writer.transport.pause_reading()  # type: ignore[attr-defined]
        await eventually(lambda: posts.open_connections >= streams + DOWNLOADS)
        answers = await asyncio.gather(*[gateway.send_head("GET /public/x HTTP/1.1") for _ in range(OTHERS)])
        assert [status_of(answer) for answer in answers] == [200] * OTHERS
        assert posts.open_connections >= streams + DOWNLOADS


@pytest.mark.parametrize("name", ["events", "download"])
async def test_what_is_known_to_last_is_set_apart_at_once(few: RunningGateway, name: str) -> None:
    """An event stream by its type, and a download that its client does not take, hold no usual slot from then on."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(FEW.long):
            client = await ask(few, stack, name)
            assert (await client.read_head()).status == 200
            if name == "download":
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        assert await is_answered(few)


@pytest.mark.parametrize("name", ["trickle", "poll"])
async def test_what_lasts_is_set_apart(rules: Path, posts: RawUpstream, name: str) -> None:
    """An answer that comes slowly, or has not begun, is set apart after a while; the client notices nothing of it."""
    posts.script = serve_long
    limits = replace(FEW, connections=1)
    async with running_gateway(rules, limits=limits) as gateway, contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            posts.received.clear()
            await ask(gateway, stack, name)
            await eventually(lambda: len(posts.received) == 1)
            async with asyncio.timeout(10):
                while not await is_answered(gateway):  # noqa: ASYNC110 - a slot that comes free has no event
                    await asyncio.sleep(0.05)


async def test_the_answer_to_an_upload_lasts(few: RunningGateway) -> None:
    """After the end of its body, a request that lasts holds no slot of those for bodies either."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            client = await stack.enter_async_context(connected(few))
            client.ask("POST /public/upload", "Transfer-Encoding: chunked", body=b"1\r\na\r\n")
            client.send(b"0\r\n\r\n")
            assert (await client.read_head()).status == 200


async def test_places_for_what_lasts_are_bounded(few: RunningGateway, posts: RawUpstream) -> None:
    """Where they are taken, what lasts keeps its usual slot; with these gone too it is 503, and all come free again."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(FEW.long + FEW.connections):
            assert (await (await ask(few, stack, "events")).read_head()).status == 200
        assert not await is_answered(few)
    await eventually(lambda: posts.open_connections == 0)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(FEW.long):
            assert (await (await ask(few, stack, "events")).read_head()).status == 200
        assert await is_answered(few)


async def test_a_frozen_upstream_gets_no_more_probes(rules: Path, posts: RawUpstream) -> None:
    """While an upstream is frozen, what waits for its answer is not set apart: a few wait, and no more are sent."""
    posts.script = serve_long
    limits = replace(FEW, connections=8, timeouts=1, probes=2, first_byte=2.0, long_after=0.1)
    async with running_gateway(rules, limits=limits) as gateway, contextlib.AsyncExitStack() as stack:
        await (await ask(gateway, stack, "poll")).read_answer()
        posts.received.clear()
        for _ in range(limits.probes):
            await ask(gateway, stack, "poll")
        await eventually(lambda: len(posts.received) == limits.probes)
        for _ in range(3):
            await asyncio.sleep(limits.long_after)
            assert status_of(await gateway.send_head("GET /public/poll HTTP/1.1")) == 503
        assert len(posts.received) == limits.probes


async def test_an_upstream_may_have_more_time_for_silence(rules: Path, posts: RawUpstream) -> None:
    """An event stream that is quiet is cut after the usual time, unless the policy grants its upstream more."""
    posts.script = serve_long
    usual = Limits(silence=0.2)
    async with running_gateway(rules, limits=usual) as gateway, contextlib.AsyncExitStack() as stack:
        client = await ask(gateway, stack, "events")
        assert (await client.read_rest()).endswith(EVENT)
    change_rules(rules, f'"{posts.url}"', f'"{posts.url}", silence = 60')
    async with running_gateway(rules, limits=usual) as gateway, contextlib.AsyncExitStack() as stack:
        client = await ask(gateway, stack, "events")
        await client.read_head()
        await client.reader.readexactly(len(EVENT))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 3 * usual.silence)


async def test_an_upstream_may_have_fewer_places(rules: Path, posts: RawUpstream) -> None:
    """An upstream gets no more requests at once than the policy says."""
    posts.script = serve_long
    change_rules(rules, f'"{posts.url}"', f'"{posts.url}", connections = 1')
    async with running_gateway(rules, limits=Limits(waiting=0)) as gateway, contextlib.AsyncExitStack() as stack:
        await ask(gateway, stack, "poll")
        await eventually(lambda: len(posts.received) == 1)
        assert not await is_answered(gateway)


@pytest.fixture
def open_files() -> Iterator[int]:
    """Let this process open as many files as it may, and give that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
