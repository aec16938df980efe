"""Housekeeping: old rows are cleared away in the background, in small bites, so that no request has to do it.

1. A bite is one short transaction over at most ``BITE`` rows, however many there are. Rows locked by others are left
   for later (``SKIP LOCKED``), so replicas work side by side and no request waits long for one.
2. It has a connection of its own, so it takes none from the pool that requests need.
3. While there is more to do the next bite follows after a pause at least as long as the bite took. Otherwise each chore
   is checked again after ``IDLE_PAUSE``.
4. A failure is logged once and stops nothing: the chore is retried on a new connection, with a smaller bite, in case
   this one took too long. Other chores go on.
"""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.own_connection import OwnConnection
from shared.process.background import obey_cancellation

BITE = 1000  # rows
SMALLEST_BITE = 10
SHORTEST_PAUSE = 0.02  # seconds
IDLE_PAUSE = 10.0  # seconds, while there is nothing to do

log = structlog.get_logger("housekeeping")


@dataclass(frozen=True, slots=True)
class Bite:
    """How many rows a bite took, and whether there is more to do."""

    rows: int
    has_more: bool


Chore: TypeAlias = Callable[[Connection, int], Awaitable[Bite]]
"""Takes a bite of at most the given number of rows, in the given transaction."""


class Housekeeping:
    """Does a service's chores, which the metrics show by name. ``start`` in the lifespan, ``stop`` at its end."""

    def __init__(self, database: Database, chores: Mapping[str, Chore], metrics: Metrics) -> None:
        self._database = database
        self._chores = chores
        self._bites = dict.fromkeys(chores, BITE)
        self._failing: set[str] = set()
        self._taken: Counter[str] = Counter()  # rows since there was last nothing to do, by chore
        self._own = OwnConnection(database)
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._rows = metrics.register_housekeeping(chores)
        self._done_at = dict.fromkeys(chores, time.monotonic())
        for chore in chores:
            metrics.watch_chore(chore, functools.partial(self._get_age, chore))

    def start(self) -> None:
        """Start, in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; a bite under way is rolled back."""
        await self._own.end(*([self._task] if self._task else []))

    async def finish(self) -> None:
        """Take bites until nothing is left, or nothing more can be done."""
        while await self.take_bites():
            pass
        self._tell()

    async def take_bites(self) -> bool:
        """Take one bite of each chore; tell whether there is more to do."""
        async with self._turn:
            return any([await self._take_bite(name, chore) for name, chore in self._chores.items()])

    async def _run(self) -> None:
        await self._database.wait_until_ready()
        while True:
            started = time.monotonic()
            if await self.take_bites():
                await asyncio.sleep(max(SHORTEST_PAUSE, time.monotonic() - started))
                continue
            self._tell()
            # Jitter, so that replicas don't all check at once; no secret.
            await asyncio.sleep(random.uniform(IDLE_PAUSE / 2, IDLE_PAUSE))  # noqa: S311

    async def _take_bite(self, name: str, chore: Chore) -> bool:
        try:
            async with self._own.transaction() as connection:
                bite = await chore(connection, self._bites[name])
        except Exception as error:  # noqa: BLE001 - whatever it is, housekeeping goes on
            obey_cancellation(error)
            self._note_failure(name, error)
            return False
        self._note_bite(name, bite)
        return bite.has_more

    def _get_age(self, chore: str) -> float:
        return time.monotonic() - self._done_at[chore]

    def _note_failure(self, name: str, error: Exception) -> None:
        self._bites[name] = max(SMALLEST_BITE, self._bites[name] // 2)
        if name not in self._failing:
            log.warning("housekeeping_failed", chore=name, error=type(error).__name__)
        self._failing.add(name)

    def _note_bite(self, name: str, bite: Bite) -> None:
        self._bites[name] = min(BITE, self._bites[name] * 2)
        if name in self._failing:
            log.info("housekeeping_resumed", chore=name)
        self._failing.discard(name)
        self._taken[name] += bite.rows
        self._done_at[name] = time.monotonic()
        self._rows.labels(name).inc(bite.rows)

    def _tell(self) -> None:
        """Log what was cleared away since the last time, above DEBUG only when it was much."""
        taken, self._taken = +self._taken, Counter()
        say = log.info if taken.total() >= BITE else log.debug
        if taken:
            say("housekeeping_done", **taken)


def until_few(take: Callable[[Connection, int], Awaitable[int]]) -> Chore:
    """Return a chore from a function that deletes a bite and returns its rows: a full bite means that there is more."""

    async def chore(connection: Connection, limit: int) -> Bite:
        rows = await take(connection, limit)
        return Bite(rows, has_more=rows >= limit)

    return chore
