"""What is fetched of a provider: shared, kept, renewed seldom, and never lost by a failure."""

import asyncio

import pytest

from auth_service.providers.cached_document import FIRST_PAUSE, FRESH_FOR, KEPT_FOR, MOST_WAITING, PAUSE, CachedDocument
from auth_service.providers.http import ProviderFailed


class Source:
    """What is fetched: a number that counts the fetches; ``is_down`` lets them fail. And a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.fetches = 0
        self.is_down = False
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.document: CachedDocument[int] = CachedDocument(self.fetch, lambda: self.now)

    async def fetch(self) -> int:
        """Return how many fetches there were."""
        self.fetches += 1
        self.begun.set()
        await self.gate.wait()
        if self.is_down:
            raise ProviderFailed("unreachable")
        return self.fetches

    async def settle(self) -> None:
        """Let a fetch that runs in the background end: it waits for nothing but its turns."""
        for _ in range(10):
            await asyncio.sleep(0)


async def test_it_is_kept_while_it_is_fresh() -> None:
    """It is fetched once, and again when it is old; until then the old one is good."""
    source = Source()
    assert [await source.document.read() for _ in range(5)] == [1] * 5
    source.now += FRESH_FOR
    assert await source.document.read() == 1
    await source.settle()
    assert [await source.document.read() for _ in range(5)] == [2] * 5


async def test_an_old_one_holds_up_nobody() -> None:
    """While what is old is fetched anew, nobody waits for that, however long it takes."""
    source = Source()
    await source.document.read()
    source.gate.clear()
    source.now += FRESH_FOR
    async with asyncio.timeout(10):
        assert [await source.document.read() for _ in range(1000)] == [1] * 1000
    await source.document.stop()
    assert source.fetches <= 2


async def test_a_fetch_that_hangs_is_not_followed_by_another() -> None:
    """The pause counts from when a fetch ended: however long one hung, the next one comes no sooner."""
    source = Source()
    source.is_down = True
    source.gate.clear()
    first = asyncio.create_task(source.document.read())
    await source.begun.wait()
    source.now += FIRST_PAUSE + 5
    source.gate.set()
    for waiting in (first, source.document.read()):
        with pytest.raises(ProviderFailed, match="unreachable"):
            await waiting
    assert source.fetches == 1


@pytest.mark.parametrize("reading", ["read", "read_newer"])
async def test_few_wait(reading: str) -> None:
    """Only so many wait for a fetch that hangs; all others are told at once, and anybody may wait again after it."""
    source = Source()
    source.gate.clear()
    read = getattr(source.document, reading)
    waiting = [asyncio.create_task(read()) for _ in range(MOST_WAITING)]
    await source.begun.wait()
    for _ in range(100):
        async with asyncio.timeout(10):
            with pytest.raises(ProviderFailed, match="busy"):
                await read()
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    late = asyncio.create_task(read())
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting[1:], late) == [1] * MOST_WAITING


async def test_newer_ones_are_fetched_seldom() -> None:
    """A user who wants a newer one gets it at most every 30 seconds, and else what there is."""
    source = Source()
    assert [await source.document.read_newer() for _ in range(100)] == [1] * 100
    source.now += PAUSE - 1
    assert await source.document.read_newer() == 1
    source.now += 1
    assert [await source.document.read_newer() for _ in range(100)] == [2] * 100


async def test_a_failure_evicts_nothing() -> None:
    """While it can't be fetched, what was fetched is good for a day; then no more. It is tried again, seldom."""
    source = Source()
    assert await source.document.read() == 1
    source.is_down = True
    source.now += FRESH_FOR
    for _ in range(10):
        assert await source.document.read() == 1
        await source.settle()
    assert source.fetches == 2
    source.now += KEPT_FOR - FRESH_FOR
    with pytest.raises(ProviderFailed, match="unreachable"):
        await source.document.read()
    source.is_down = False
    source.now += PAUSE
    assert await source.document.read() == 4


async def test_nothing_to_keep() -> None:
    """What never could be fetched is tried again after a moment, and not by each of those who ask meanwhile."""
    source = Source()
    source.is_down = True
    for _ in range(10):
        with pytest.raises(ProviderFailed, match="unreachable"):
            await source.document.read()
    assert source.fetches == 1
    source.is_down = False
    source.now += FIRST_PAUSE
    assert await source.document.read() == 2


async def test_one_fetch_for_all_who_wait() -> None:
    """All who wait share one fetch, which goes on when some of them give up."""
    source = Source()
    source.gate.clear()
    waiting = [asyncio.create_task(source.document.read()) for _ in range(10)]
    await source.begun.wait()
    for each in waiting[:5]:
        each.cancel()
    source.gate.set()
    assert await asyncio.gather(*waiting[5:]) == [1] * 5
    await asyncio.gather(*waiting, return_exceptions=True)
    assert source.fetches == 1


async def test_it_is_stopped() -> None:
    """A fetch that runs at the end is ended."""
    source = Source()
    source.gate.clear()
    waiting = asyncio.create_task(source.document.read())
    await source.begun.wait()
    await source.document.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await source.document.stop()
