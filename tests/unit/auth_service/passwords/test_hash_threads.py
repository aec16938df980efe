"""The threads in which passwords are hashed: every outcome reaches its caller."""

import asyncio
import threading

import pytest

from auth_service.passwords.fair_queue import Owner
from auth_service.passwords.hash_threads import Dropped, HashThreads

NOBODY = Owner()


def nothing() -> None:
    """Do nothing when work is over."""


@pytest.mark.parametrize(("threads", "works"), [(1, 1), (1, 3), (2, 7), (2, 50), (3, 200)])
async def test_every_outcome_reaches_who_waits_for_it(threads: int, works: int) -> None:
    """However many wait, each gets the outcome of their own work, and each piece of work is over exactly once."""
    pool, over = HashThreads(threads), []

    async def ask(number: int) -> int:
        return await pool.run(lambda: number * number, lambda: over.append(number), NOBODY)

    async with asyncio.timeout(10):
        assert await asyncio.gather(*map(ask, range(works))) == [number * number for number in range(works)]
    assert sorted(over) == list(range(works))
    pool.stop()


async def test_an_outcome_is_heard_of_at_once() -> None:
    """However many wait, each gets its outcome while those after it have not started."""
    pool = HashThreads(1)
    gates = [threading.Event() for _ in range(20)]
    asking = [asyncio.create_task(pool.run(lambda gate=gate: gate.wait(10), nothing, NOBODY)) for gate in gates]
    async with asyncio.timeout(10):
        for gate, asked in zip(gates, asking, strict=True):
            gate.set()
            assert await asked
    pool.stop()


async def test_an_error_reaches_who_asked_and_nobody_else() -> None:
    """Work that fails raises at its caller; the others get their outcomes."""
    pool = HashThreads(1)
    failing = pool.run(lambda: 1 // 0, nothing, NOBODY)
    outcomes = await asyncio.gather(failing, pool.run(lambda: 1, nothing, NOBODY), return_exceptions=True)
    assert isinstance(outcomes[0], ZeroDivisionError)
    assert outcomes[1] == 1
    pool.stop()


async def test_who_goes_away_takes_along_only_what_never_began() -> None:
    """Work whose caller has gone is dropped if waiting, and goes on if started; either way it is over exactly once."""
    pool, begun, gate = HashThreads(1), threading.Event(), threading.Event()
    done: list[str] = []
    over: list[str] = []

    def work() -> None:
        begun.set()
        gate.wait(10)
        done.append("running")

    running = asyncio.create_task(pool.run(work, lambda: over.append("running"), NOBODY))
    waiting = asyncio.create_task(pool.run(lambda: done.append("waiting"), lambda: over.append("waiting"), NOBODY))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert over == ["waiting"]
    gate.set()
    await pool.run(lambda: None, nothing, NOBODY)
    assert (done, over) == (["running"], ["waiting", "running"])
    pool.stop()


async def test_what_waits_when_the_threads_are_stopped_is_cancelled() -> None:
    """A caller waiting for work that will never start is released."""
    pool, begun, gate = HashThreads(1), threading.Event(), threading.Event()
    running = asyncio.create_task(pool.run(lambda: begun.set() or gate.wait(10), nothing, NOBODY))
    waiting = asyncio.create_task(pool.run(lambda: True, nothing, NOBODY))
    await asyncio.to_thread(begun.wait, 10)
    pool.stop()
    gate.set()
    outcomes = await asyncio.gather(running, waiting, return_exceptions=True)
    assert outcomes[0] is True
    assert isinstance(outcomes[1], asyncio.CancelledError)


async def test_sites_take_turns_and_the_longest_line_gives_way() -> None:
    """Work of a site with little waiting comes before the rest of a busy site's, whose last may be dropped for it."""
    pool, begun, gate = HashThreads(1), threading.Event(), threading.Event()
    done: list[str] = []
    over: list[str] = []

    def work(name: str) -> None:
        begun.set()
        gate.wait(10)
        done.append(name)

    def ask(name: str, site: str) -> asyncio.Task[None]:
        return asyncio.create_task(pool.run(lambda: work(name), lambda: over.append(name), Owner(site, "account")))

    first = ask("first", "busy")
    await asyncio.to_thread(begun.wait, 10)
    asking = [first, *(ask(f"busy {number}", "busy") for number in range(4))]
    await asyncio.sleep(0)
    assert pool.drop_for(Owner("quiet", "account"), 0, 0)
    asking.append(ask("quiet", "quiet"))
    await asyncio.sleep(0)
    gate.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert done == ["first", "busy 0", "quiet", "busy 1", "busy 2"]
    assert [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Dropped)] == [4]
    assert sorted(over) == sorted([*done, "busy 3"])
    assert not pool.drop_for(Owner("quiet", "account"), 0, 0)
    pool.stop()
