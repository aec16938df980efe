"""Slots at an upstream are never lost: neither when a request stops waiting for one, nor when it goes while connecting.

And no client holds one for as long as it likes.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.policy.upstreams import Replica, Upstream
from gateway.wire.limits import ConnectionUse, Limits
from gateway.wire.pool import UpstreamPool
from shared.errors import Unavailable
from tests.support.gateway_in_process import RunningGateway, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream
from tests.support.waiting import eventually

ONE = Limits(connections=1, waiting=2, wait=5.0)


@pytest.fixture
async def pool(posts: RawUpstream) -> AsyncIterator[UpstreamPool]:
    """Give a pool with a single slot."""
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", posts.port),)), ONE)
    yield pool
    pool.close()


async def cancel(task: asyncio.Task[object]) -> None:
    """Cancel a task and see it end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def has_free_slot(pool: UpstreamPool) -> bool:
    """Tell whether a connection can be had."""
    async with asyncio.timeout(2):
        pool.release(await pool.wait())
    return True


async def test_a_request_cancelled_while_waiting(pool: UpstreamPool) -> None:
    """A request that is cancelled in the queue leaves it; the slot goes to the next."""
    held = await pool.wait()
    first, second = (asyncio.create_task(pool.wait()) for _ in range(2))
    await asyncio.sleep(0)
    await cancel(first)
    pool.release(held)
    pool.release(await asyncio.wait_for(second, 2))
    assert await has_free_slot(pool)


async def test_a_request_cancelled_as_its_turn_comes(pool: UpstreamPool) -> None:
    """A request that is cancelled at the moment its turn comes hands it on."""
    held = await pool.wait()
    first, second = (asyncio.create_task(pool.wait()) for _ in range(2))
    await asyncio.sleep(0)
    pool.release(held)  # the turn is the first one's
    await cancel(first)
    pool.release(await asyncio.wait_for(second, 2))
    assert await has_free_slot(pool)


async def test_a_request_cancelled_while_connecting(pool: UpstreamPool) -> None:
    """A request that is cancelled while its connection is being made gives its slot back."""
    connecting = asyncio.create_task(pool.wait())
    await asyncio.sleep(0)
    await cancel(connecting)
    assert await has_free_slot(pool)


async def test_a_request_that_gives_up(posts: RawUpstream) -> None:
    """A request that waited too long gets Unavailable and leaves the queue."""
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", posts.port),)), Limits(connections=1, wait=0.05))
    held = await pool.wait()
    with pytest.raises(Unavailable):
        await pool.wait()
    pool.release(held)
    assert await has_free_slot(pool)
    pool.close()


@pytest.mark.parametrize("use", [ConnectionUse.BODY, ConnectionUse.TUNNEL])
async def test_each_use_has_slots_of_its_own(posts: RawUpstream, use: ConnectionUse) -> None:
    """What a client may draw out takes no slot from whole requests; with none of its own free, it fails at once."""
    limits = Limits(connections=1, bodies=1, tunnels=1)
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", posts.port),)), limits)
    held = await pool.wait(use)
    assert await has_free_slot(pool)
    with pytest.raises(Unavailable):
        await pool.wait(use)
    assert pool.describe().running == 1
    pool.release(held)
    pool.release(await pool.wait(use))
    assert pool.describe().running == 0
    pool.close()


async def test_a_slot_for_a_body_is_given_back_when_nobody_listens() -> None:
    """A connection that can't be made loses no slot, whatever it was for."""
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", 9),)), Limits(bodies=1))
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await pool.wait(ConnectionUse.BODY)
        assert refused.value.__cause__ is None
    pool.close()


@pytest.fixture
async def narrow(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway with two slots for whole requests and one for bodies."""
    async with running_gateway(rules, limits=Limits(connections=2, bodies=1, waiting=0)) as running:
        yield running


async def begin_body(gateway: RunningGateway, framing: str) -> asyncio.StreamWriter:
    """Send the head of a request and the first byte of its body."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n{framing}\r\n\r\n".encode())
    writer.write(b"1\r\na\r\n")
    return writer


async def test_a_slow_sender_of_a_short_body_holds_no_slot(narrow: RunningGateway, posts: RawUpstream) -> None:
    """A short body is collected before the upstream is asked, so any number of slow ones keep nobody from it."""
    slow = [await begin_body(narrow, "Content-Length: 100") for _ in range(10)]
    await asyncio.sleep(0.1)
    assert status_of(await narrow.send_head("GET /public/x HTTP/1.1")) == 200
    assert status_of(await narrow.send_head("POST /public/x HTTP/1.1\r\nContent-Length: 3", b"abc")) == 200
    assert [received.method for received in posts.received] == ["GET", "POST"]
    for writer in slow:
        writer.close()


async def test_a_slow_sender_of_a_long_body_holds_none_of_the_others(
    narrow: RunningGateway, posts: RawUpstream
) -> None:
    """Bodies that come in pieces have slots of their own; one too many is refused with 503."""
    slow = await begin_body(narrow, "Transfer-Encoding: chunked")
    await eventually(lambda: len(posts.received) == 1)
    chunked = "POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked"
    reader, other = await asyncio.open_connection("127.0.0.1", narrow.port)
    other.write(f"{chunked}\r\nHost: {narrow.host}\r\n\r\n1\r\na\r\n".encode())
    assert status_of(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)) == 503
    assert status_of(await narrow.send_head("GET /public/x HTTP/1.1")) == 200
    slow.close()
    other.close()
    await eventually(lambda: posts.open_connections <= 1)
    assert status_of(await narrow.send_head(chunked, b"1\r\na\r\n0\r\n\r\n")) == 200


async def test_a_replica_that_does_not_answer_is_left_alone(posts: RawUpstream) -> None:
    """Where a connection can't be made in time, the back-off starts when that is known, not when it was tried."""
    with contextlib.ExitStack() as opened:
        full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # nobody accepts, so the next one waits in vain
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        silent, well = Replica("127.0.0.1", full.getsockname()[1]), Replica("127.0.0.1", posts.port)
        pool = UpstreamPool(Upstream("posts", (silent, well)), Limits(connect=0.5, back_off=0.5))
        pool.release(await pool.wait())
        assert pool.describe().resting == 1
        pool.close()
