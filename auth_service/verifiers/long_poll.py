"""The events that other services follow by long poll: user changes and revocations.

    GET /internal/users/changes?after=7&wait=5&epoch=<uuid>&known=3  ->  {"changes": [...], "last": 9, "epoch": <uuid>}
    GET /internal/revocations?after=3&wait=5&epoch=<uuid>            ->  {"revocations": [...], "last": 3, "epoch": ...}
    GET /api/revocations?after=3&wait=5&epoch=<uuid>                 ->  see ``ended_sessions``: for external services

1. Entries after ``after`` are returned at once, in order, a page at most; ``last`` is the next request's ``after``.
2. When there are none, the answer waits up to ``wait`` seconds for one. Meanwhile the newest entry is queried twice a
   second, once for all who wait at this replica, and no connection is held in between: this works with any number of
   replicas and followers, and after any failure. The wait ends when the follower disconnects, and for all when this
   service drains, which is not held up by them.
3. A follower that knows of a past that is gone (the database was restored) gets a ``last`` below its ``after``, and
   starts over; ``followers`` decides which ones do.
4. An entry is given only in its own epoch: none while the data is not where that epoch found it. So what a follower has
   read in an epoch was in the database when that ended, or was lost.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from starlette.requests import Request

from auth_service.verifiers.followers import Standing, admit_follower, place_other
from shared.auth_events.contract import EventsQuestion
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.epochs import Epoch
from shared.process.draining import is_ending

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
IsOver = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A page of a feed, the number to continue after, and the epoch of both."""

    entries: Sequence[Entry]
    last: int
    epoch: Epoch

    @property
    def since(self) -> int:
        """Tokens issued before are refused (Unix seconds), for the database was put back then; 0 if it never was."""
        return int(self.epoch.lost_at.timestamp()) if self.epoch.lost_at else 0


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
        is_over: IsOver,
    ) -> Page[Entry]:
        """Return the next page of a feed; ``is_over`` tells when to stop waiting for it."""
        deadline = time.monotonic() + question.wait
        await self._watch.look()
        epoch, standing = await admit_follower(self._database, self._watch, feed, question)
        if standing is not Standing.READS_ON:
            return Page([], 0, epoch)
        return await self._read_on(list_entries, question.after, epoch, deadline, is_over)

    async def read_for_others(
        self,
        feed: str,
        list_entries: ListEntries[Entry],
        position: tuple[str, int],
        wait: float,
        is_over: IsOver,
    ) -> Page[Entry]:
        """Return the next page for an external service, at its position: an epoch, and a number there.

        It waits only where that is a position; else the page is the first.
        """
        deadline = time.monotonic() + wait
        await self._watch.look()
        epoch, after = await place_other(self._database, feed, *position)
        if position != (str(epoch.id), after):
            deadline = 0.0
        return await self._read_on(list_entries, after, epoch, deadline, is_over)

    async def _read_on(
        self, list_entries: ListEntries[Entry], after: int, epoch: Epoch, deadline: float, is_over: IsOver
    ) -> Page[Entry]:
        marks: Marks | None = None
        while True:
            async with self._database.connection() as connection:
                entries = await list_entries(connection, after)
                # Asked last: of the entries, too.
                is_current = not entries or await self._watch.is_current(connection, epoch)
            if not is_current:
                return Page([], after, epoch)  # whoever asks again is told of the next
            if entries:
                return Page(entries, entries[-1].id, epoch)
            found = marks
            while found == marks:
                if time.monotonic() >= deadline or await is_over():
                    return Page([], after, epoch)
                found = await self._look()
            marks = found
            if marks is not None and marks[-1] != epoch.number:
                return Page([], after, epoch)  # whoever asks again is told of the next

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


async def is_given_up(request: Request) -> bool:
    """Tell whether nobody waits for an answer any more, or this service is about to end."""
    return is_ending(request.scope) or await request.is_disconnected()


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
