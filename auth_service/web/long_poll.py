"""The events that other services follow by long poll: user changes and revocations.

    GET /internal/users/changes?after=7&wait=5&epoch=<uuid>&known=3  ->  {"changes": [...], "last": 9, "epoch": <uuid>}
    GET /internal/revocations?after=3&wait=5&epoch=<uuid>            ->  {"revocations": [...], "last": 3, "epoch": ...}

1. Entries after ``after`` are returned at once, in order, a page at most; ``last`` is the next request's ``after``.
2. When there are none, the answer waits up to ``wait`` seconds for one. Meanwhile the newest entry is queried twice a
   second, once for all who wait at this replica, and no connection is held in between: this works with any number of
   replicas and followers, and after any failure. The wait ends when the follower disconnects, and for all when this
   service drains, which is not held up by them.
3. A follower that knows of a past that is gone (the database was restored) gets a ``last`` below its ``after``, and
   starts over; ``followers`` decides which ones do.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from auth_service.web.followers import Standing, admit_follower
from shared.auth_events.contract import EventsQuestion
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.epochs import Epoch, find_epoch

LOOK_EVERY = 0.5  # seconds

Marks = tuple[int, int, int]
"""The last user change and revocation that can be read, and the epoch. Anything new changes one of them."""


class Numbered(Protocol):
    """An entry of a feed."""

    @property
    def id(self) -> int:
        """Its number."""
        ...


Entry = TypeVar("Entry", bound=Numbered)
ListEntries = Callable[[Connection, int], Awaitable[list[Entry]]]


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A page of a feed, the number to continue after, and the epoch of both."""

    entries: Sequence[Entry]
    last: int
    epoch: Epoch


class Events:
    """The events in one database; all who wait for one share the queries."""

    def __init__(self, database: Database, watch: EpochWatch) -> None:
        self._database = database
        self._watch = watch
        self._looking: asyncio.Task[Marks] | None = None

    async def read(
        self,
        feed: str,
        list_entries: ListEntries[Entry],
        question: EventsQuestion,
        is_over: Callable[[], Awaitable[bool]],
    ) -> Page[Entry]:
        """Return the next page of a feed; ``is_over`` tells when to stop waiting for it."""
        deadline = time.monotonic() + question.wait
        epoch, standing = await admit_follower(self._database, self._watch, feed, question)
        if standing is not Standing.READS_ON:
            return Page([], 0, epoch)
        marks: Marks | None = None
        while True:
            async with self._database.connection() as connection:
                entries = await list_entries(connection, question.after)
                now = await find_epoch(connection) if entries else epoch  # read last: an entry may be of the next epoch
            if now != epoch:
                return Page([], question.after, epoch)  # whoever asks again is told of the next
            if entries:
                return Page(entries, entries[-1].id, epoch)
            found = marks
            while found == marks:
                if time.monotonic() >= deadline or await is_over():
                    return Page([], question.after, epoch)
                found = await self._look()
            marks = found
            if marks is not None and marks[-1] != epoch.number:
                return Page([], question.after, epoch)  # whoever asks again is told of the next

    async def _look(self) -> Marks:
        """Return the marks of the next query, which is shared by all who wait for one."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_soon())
            self._looking.add_done_callback(_let_go)
        return await asyncio.shield(self._looking)  # one that gives up must not cancel it for the others

    async def _look_soon(self) -> Marks:
        await asyncio.sleep(LOOK_EVERY)
        self._looking = None  # for those who come from now on, this query may have begun too early
        async with self._database.connection() as connection:
            return await _get_marks(connection)


async def _get_marks(connection: Connection) -> Marks:
    row = await connection.fetchrow(
        """
        SELECT (SELECT max(id) FROM user_changes), (SELECT max(id) FROM revocations), (SELECT max(number) FROM epochs)
        """
    )
    assert row is not None
    last_change, last_revocation, epoch = row.values()
    return last_change or 0, last_revocation or 0, epoch or 0


def _let_go(ended: "asyncio.Task[Marks]") -> None:
    with contextlib.suppress(asyncio.CancelledError):
        ended.exception()  # perhaps nobody is waiting for it any more
