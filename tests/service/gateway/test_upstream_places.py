"""Places at an upstream are never lost: not by who gives up waiting for one, nor by who leaves while it is made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gateway.rules import Replica, Upstream
from gateway.upstream import UpstreamPool
from gateway.upstream_limits import Limits
from shared.errors import Unavailable
from tests.support.raw_upstream import RawUpstream

ONE = Limits(connections=1, waiting=2, wait=5.0)


@pytest.fixture
async def pool(posts: RawUpstream) -> AsyncIterator[UpstreamPool]:
    """Give a pool with a single place."""
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", posts.port),)), ONE)
    yield pool
    pool.close()


async def cancel(task: asyncio.Task[object]) -> None:
    """Cancel a task and see it end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def has_free_place(pool: UpstreamPool) -> bool:
    """Tell whether a connection can be had."""
    async with asyncio.timeout(2):
        pool.release(await pool.acquire())
    return True


async def test_who_is_cancelled_while_waiting(pool: UpstreamPool) -> None:
    """Who is cancelled in the queue leaves it; the place goes to the next."""
    held = await pool.acquire()
    first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    await cancel(first)
    pool.release(held)
    pool.release(await asyncio.wait_for(second, 2))
    assert await has_free_place(pool)


async def test_who_is_cancelled_as_the_turn_comes(pool: UpstreamPool) -> None:
    """Who is cancelled in the moment in which its turn comes hands it on."""
    held = await pool.acquire()
    first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    pool.release(held)  # the turn is the first one's
    await cancel(first)
    pool.release(await asyncio.wait_for(second, 2))
    assert await has_free_place(pool)


async def test_who_is_cancelled_while_connecting(pool: UpstreamPool) -> None:
    """Who is cancelled while its connection is being made gives its place back."""
    connecting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    await cancel(connecting)
    assert await has_free_place(pool)


async def test_who_gives_up(posts: RawUpstream) -> None:
    """Who waited too long gets Unavailable and leaves the queue."""
    pool = UpstreamPool(Upstream("posts", (Replica("127.0.0.1", posts.port),)), Limits(connections=1, wait=0.05))
    held = await pool.acquire()
    with pytest.raises(Unavailable):
        await pool.acquire()
    pool.release(held)
    assert await has_free_place(pool)
    pool.close()
