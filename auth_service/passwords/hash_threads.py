"""The threads that passwords are hashed in, and how the event loop hears of what they did.

What waits for a thread waits in a ``FairQueue``: one address, or one account, that asks for much takes turns with all
others. It may also be dropped there in favour of somebody who asks for less.

While enough others wait, outcomes are handed over by the handful. A hash walks through 19 MiB and leaves nothing of the
loop's and PostgreSQL's memory in the caches of its core: so to go on with a handful of sign-ins at once costs half of
what it does one by one. Only those wait for it who waited much longer for others before; where there is no queue, each
outcome is handed over at once. Nor do these threads interrupt anybody (``shared.process.scheduling``).
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from auth_service.passwords.fair_queue import FairQueue, Owner
from shared.process.scheduling import schedule

HANDFUL = 16  # outcomes that are handed over at once, at most
HANDFUL_PER_THREAD = 8  # so that none is kept back longer than so many hashes take

Outcome = TypeVar("Outcome")


class Dropped(Exception):
    """Work that waited was given up in favour of somebody who asked for less."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """Work that waits for a thread."""

    begin: Callable[[], None]
    give_up: Callable[[BaseException | None], None]


class HashThreads:
    """Runs work in so many threads; how much may wait is the caller's affair. ``stop`` at the end."""

    def __init__(self, threads: int) -> None:
        patiently = partial(schedule, patiently=True)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=patiently)
        self._threads = threads
        self._handful = min(HANDFUL, HANDFUL_PER_THREAD * threads)
        self._lock = threading.Lock()
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._unfinished = 0
        self._ended: list[Callable[[], None]] = []

    async def run(self, work: Callable[[], Outcome], when_over: Callable[[], None], owner: Owner) -> Outcome:
        """Return the outcome of the work. ``when_over`` is called when it has ended, or will never begin.

        Who stops waiting does not stop work that was begun. Dropped when it was given up before it began.
        """
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[Outcome] = loop.create_future()
        done: Future[Outcome] = Future()

        def end(done: Future[Outcome]) -> None:
            when_over()
            is_dropped = not done.cancelled() and isinstance(done.exception(), Dropped)
            ended = self._end(lambda: _hand_over(done, awaited), at_once=is_dropped)
            if ended and not loop.is_closed():
                loop.call_soon_threadsafe(_call_all, ended)

        done.add_done_callback(end)
        waiting = _Waiting(partial(_run, work, done), partial(_give_up, done))
        with self._lock:
            self._unfinished += 1
            self._queue.put(waiting, owner)
        try:
            self._executor.submit(self._run_next)
            return await awaited
        finally:
            with self._lock:
                is_withdrawn = self._queue.remove(waiting, owner)
            if is_withdrawn:
                waiting.give_up(None)

    def drop_for(self, newcomer: Owner, held: int, held_by_site: int) -> bool:
        """Give up work that waits, if that is fairer than to refuse a newcomer; tell whether any was."""
        with self._lock:
            dropped = self._queue.drop_for(newcomer, held, held_by_site)
        if dropped is None:
            return False
        dropped.give_up(Dropped())
        return True

    def stop(self) -> None:
        """Let what runs end and forget what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        while True:
            with self._lock:
                waiting = self._queue.take()
            if waiting is None:
                return
            waiting.give_up(None)

    def _run_next(self) -> None:
        with self._lock:
            waiting = self._queue.take()
        if waiting is not None:  # else somebody went away
            waiting.begin()

    def _end(self, hand_over: Callable[[], None], *, at_once: bool) -> Sequence[Callable[[], None]]:
        """Return what is to be handed over now: nothing, or all that was kept back and this.

        Whoever lost their slot to somebody else is told at once: they wait for no hash.
        """
        with self._lock:
            self._unfinished -= 1
            self._ended.append(hand_over)
            if not at_once and len(self._ended) < self._handful <= self._unfinished - self._threads:
                return ()
            ended, self._ended = self._ended, []
        return ended


def _run(work: Callable[[], Outcome], done: Future[Outcome]) -> None:
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
        done.set_exception(error)
    else:
        done.set_result(outcome)


def _give_up(done: Future[Outcome], error: BaseException | None) -> None:
    """End work that never began: by an error, or as cancelled."""
    if error is not None:
        done.set_exception(error)
    else:
        done.cancel()


def _hand_over(done: Future[Outcome], awaited: asyncio.Future[Outcome]) -> None:
    if awaited.done():  # nobody waits any more
        return
    if done.cancelled():
        awaited.cancel()
    elif (error := done.exception()) is not None:
        awaited.set_exception(error)
    else:
        awaited.set_result(done.result())


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
