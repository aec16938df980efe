"""The threads in which passwords are hashed.

Work for the threads waits in a ``FairQueue``: one address, or one account, that asks for much takes turns with all
others. Waiting work may also be dropped in favour of somebody who asks for less.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from auth_service.passwords.fair_queue import FairQueue, Owner

Outcome = TypeVar("Outcome")


class Dropped(Exception):
    """Waiting work was dropped in favour of somebody who asked for less."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """Work that waits for a thread, and the future of its outcome."""

    begin: Callable[[], None]
    future: Future[Any]


class HashThreads:
    """Runs work in a fixed number of threads; the caller bounds how much may wait. ``stop`` at the end."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._lock = threading.Lock()
        self._queue: FairQueue[_Waiting] = FairQueue()

    async def run(self, work: Callable[[], Outcome], when_over: Callable[[], None], owner: Owner) -> Outcome:
        """Return the outcome of the work. ``when_over`` is called when it has ended, or will never start.

        Cancelling the wait does not stop work that has started. Raises Dropped when the work was dropped before that.
        """
        future: Future[Outcome] = Future()
        future.add_done_callback(lambda _: when_over())
        waiting = _Waiting(lambda: _run(work, future), future)
        with self._lock:
            self._queue.put(waiting, owner)
        try:
            self._executor.submit(self._run_next)
            return await asyncio.wrap_future(future)
        finally:
            with self._lock:
                self._queue.remove(waiting, owner)
            future.cancel()  # does nothing once the work has started

    def drop_for(self, newcomer: Owner, held: int, held_by_site: int) -> bool:
        """Drop waiting work, if that is fairer than refusing a newcomer; tell whether any was dropped."""
        with self._lock:
            dropped = self._queue.drop_for(newcomer, held, held_by_site)
        if dropped is None:
            return False
        if dropped.future.set_running_or_notify_cancel():
            dropped.future.set_exception(Dropped())
        return True

    def stop(self) -> None:
        """Let running work finish and drop what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        while True:
            with self._lock:
                waiting = self._queue.take()
            if waiting is None:
                return
            waiting.future.cancel()

    def _run_next(self) -> None:
        with self._lock:
            waiting = self._queue.take()
        if waiting is not None:  # else its caller has gone
            waiting.begin()


def _run(work: Callable[[], Outcome], future: Future[Outcome]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001 - it is raised at the caller
        future.set_exception(error)
    else:
        future.set_result(outcome)
