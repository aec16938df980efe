"""Notices that the service's database was put back to an earlier state, and begins an epoch: see ``epochs``.

1. It looks when the service starts, and every two seconds. In between, the statement that gives out an id checks for
   itself whether the data is in place, and gives none where it isn't (``DataMoved``). A write at that moment looks at
   once (``write``), so that a restart of the server refuses nobody.
2. An epoch begins in one transaction, and once, however many replicas notice. Ids continue from the time in
   milliseconds, which is beyond all that can have been given out; or, where the server was started and nothing else
   differs, with the next one: unless higher ones were seen here, which are a loss like any other. Seen are those of
   rows: of the numbers that were not committed, which the sequence tells before they are on the disk, a crash takes
   some back.
3. After a loss, anything that was ended, deleted or changed since the backup may have come back; so every session that
   began before is over, and a warning tells the operator what to check.
4. A table ``epochs`` without a row is left alone: a restore may be under way. No ids are given out meanwhile.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from shared.errors import Unavailable
from shared.postgres.database import Connection, Database
from shared.postgres.epochs import (
    DataMoved,
    Epoch,
    Move,
    Sight,
    find_epoch,
    find_move,
    find_sight,
    insert_epoch,
    lock_epochs,
    update_ids,
    update_seen,
    wait_for_full_second,
)
from shared.process.background import end_task

LOOK_EVERY = 2.0  # seconds
LOSS = Move(is_loss=True, may_be_loss=True, ids_from=0)  # its ids skip ahead

GetHighestId = Callable[[Connection], Awaitable[int]]
T = TypeVar("T")

HasLost = Callable[[Connection], Awaitable[bool]]
NoteBeginning = Callable[[Connection, Epoch], Awaitable[None]]

log = structlog.get_logger("epochs")


async def note_nothing(_: Connection, __: Epoch) -> None:
    """Do nothing more when an epoch begins."""


class EpochUnknown(Unavailable):
    """The epoch is not known: the table ``epochs`` is empty."""


class EpochWatch:
    """Watches the location of one table, whose ids must never repeat. ``start`` before use, ``stop`` at the end.

    ``get_highest_id`` returns the highest id of a row, ``note_beginning`` is called in the transaction that begins an
    epoch.
    """

    def __init__(
        self,
        database: Database,
        guarded: str,
        get_highest_id: GetHighestId,
        note_beginning: NoteBeginning = note_nothing,
    ) -> None:
        self._database = database
        self._guarded = guarded
        self._get_highest_id = get_highest_id
        self._note_beginning = note_beginning
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._seen: Sight | None = None  # when the data was last in place
        self._highest_seen = 0  # the highest id of a row then

    def start(self) -> None:
        """Start to watch, in the background."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching."""
        await end_task(self._task)

    async def look(self) -> None:
        """Begin an epoch if the data has moved since the last one; if not, note that it is in place."""
        async with self._database.connection() as connection:
            sight = await find_sight(connection, self._guarded)
            if sight is not None and sight.is_in_place and sight.is_to_be_noted:
                await update_seen(connection)
        if sight is None:
            raise EpochUnknown
        if not sight.is_in_place or self._knows_more(sight):
            sight = await self._look_into_it()
        if sight is not None and sight.is_in_place:
            async with self._database.connection() as connection:
                self._seen, self._highest_seen = sight, await self._get_highest_id(connection)

    async def is_current(self, connection: Connection, epoch: Epoch) -> bool:
        """Tell whether an epoch is the current one, and its data in place."""
        sight = await find_sight(connection, self._guarded)
        return sight is not None and sight.is_in_place and sight.number == epoch.number

    async def write(self, write: Callable[[], Awaitable[T]]) -> T:
        """Run a transaction that gives out an id, and return what it returns; run it again after DataMoved and a look.

        Raises EpochUnknown, or DataMoved once more, when the location of the data can't be told now.
        """
        try:
            return await write()
        except DataMoved:
            await self.look()
        return await write()

    async def begin_after_loss(self, has_lost: HasLost, told_by: uuid.UUID | None, highest_seen: int) -> None:
        """Begin an epoch because somebody has seen more than the database holds, ids up to ``highest_seen`` among it.

        Not if that is no longer so, as when somebody else has reported the same; nor where there is no epoch at all:
        a restore may be under way, which will fill the table itself.
        """
        async with self._database.transaction() as connection:
            await lock_epochs(connection)
            if await find_epoch(connection) is not None and await has_lost(connection):
                await self._begin(connection, LOSS, told_by=told_by, highest_seen=highest_seen)

    async def _look_into_it(self) -> Sight | None:
        """Begin an epoch, unless another replica was faster; return what is to be seen then."""
        async with self._database.transaction() as connection:
            await lock_epochs(connection)
            sight = await find_sight(connection, self._guarded)
            move = await find_move(connection, self._guarded)
            if sight is None or move is None:
                return None
            knows_more = self._knows_more(sight)
            if not sight.is_in_place or knows_more:
                await self._begin(connection, replace(move, is_loss=move.is_loss or knows_more))
            return await find_sight(connection, self._guarded)

    def _knows_more(self, sight: Sight) -> bool:
        """Tell whether higher ids were seen here, in an earlier epoch than this or in this one until it moved."""
        seen = self._seen
        return (
            seen is not None
            and sight.last_id < self._highest_seen
            and not (sight.is_in_place and sight.number == seen.number)  # a table that was emptied on purpose
        )

    async def _begin(
        self, connection: Connection, move: Move, *, told_by: uuid.UUID | None = None, highest_seen: int = 0
    ) -> None:
        ids_from = move.ids_from
        if move.is_loss or move.may_be_loss:
            beyond = max(highest_seen, self._highest_seen, await self._get_highest_id(connection))
            ids_from = await update_ids(connection, self._guarded, beyond)
        if move.is_loss:
            await wait_for_full_second(connection)
        epoch = await insert_epoch(connection, self._guarded, ids_from, is_loss=move.is_loss, told_by=told_by)
        await self._note_beginning(connection, epoch)
        facts = {"epoch": epoch.number, "table": self._guarded, "ids_from": ids_from}
        if move.is_loss:
            log.warning("database_was_put_back", **facts, see="docs/reliability.md, After a restore")
        elif move.may_be_loss:
            log.warning("database_may_have_been_put_back", **facts, see="docs/reliability.md, After a restore")
        else:
            log.info("database_was_started", **facts)

    async def _watch(self) -> None:
        await self._database.wait_until_ready()
        while True:
            try:
                await self.look()
            except EpochUnknown as error:
                self._fail(type(error).__name__)
            except Unavailable:
                pass  # the database says so itself
            except Exception as error:  # noqa: BLE001 - whatever it is, in the middle of a restore too: the watch goes on
                self._fail(type(error).__name__)
            else:
                self._failure = None
            await asyncio.sleep(LOOK_EVERY)

    def _fail(self, reason: str) -> None:
        """Log once why the location of the data can't be determined."""
        if reason != self._failure:
            log.error("epoch_not_known", reason=reason, see="docs/reliability.md, After a restore")
        self._failure = reason
