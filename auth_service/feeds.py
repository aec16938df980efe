"""The feeds that other services follow by long poll: user changes and revocations.

    GET /internal/users/changes?after=7&wait=5   ->  {"changes": [...], "last": 9}
    GET /internal/revocations?after=3&wait=5     ->  {"revocations": [...], "last": 3}

1. What comes after ``after`` is told at once, in order, a page at most; ``last`` is the number to ask after next.
2. Where there is nothing, the answer waits up to ``wait`` seconds for something. Meanwhile the database is asked a few
   times a second, and no connection is held in between: it works with any number of replicas, and after any failure.
   Whoever goes meanwhile is no longer waited for, so that a service that is told to end need not.
3. Who asks after a number that was never given knows of a past that is gone (a database was put back): they are told
   the highest that was given, and begin anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from shared.database import Connection, Database

LOOK_EVERY = 0.2  # seconds


class Numbered(Protocol):
    """An entry of a feed."""

    @property
    def id(self) -> int:
        """Its number."""
        ...


Entry = TypeVar("Entry", bound=Numbered)


async def read_feed(
    database: Database,
    list_entries: Callable[[Connection, int], Awaitable[list[Entry]]],
    find_newest: Callable[[Connection], Awaitable[int]],
    after: int,
    wait: float,
    is_gone: Callable[[], Awaitable[bool]],
) -> tuple[Sequence[Entry], int]:
    """Return the next page of a feed, and the number to ask after next; ``is_gone`` tells when nobody waits."""
    deadline = time.monotonic() + wait
    while True:
        async with database.connection() as connection:
            entries = await list_entries(connection, after)
            newest = entries[-1].id if entries else await find_newest(connection)
        if entries or newest < after:
            return entries, newest
        if time.monotonic() >= deadline or await is_gone():
            return entries, after
        await asyncio.sleep(LOOK_EVERY)
