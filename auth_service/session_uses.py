"""When sessions were last used: noted in memory, and written together, every few seconds, by one task of the process.

So looking at a session only reads: a database that takes no writes, a lost standby or a slow disk signs nobody out, and
costs one connection of the pool. What it means for the idle end:

1. A use puts the idle end off once it is written, up to ``FLUSH_EVERY`` seconds later, and only where the row lags by
   more than ``find_lag``: a minute, or a tenth of the idle age if that is less. A session may so end that much early,
   and never late.
2. A session that has ended by then stays ended.
3. What can't be written is kept and tried again; what is noted when the process dies is lost, and a session that goes
   on being used is noted anew.
"""

import asyncio
import datetime as dt
import time

import structlog

from auth_service.tables.sessions import SessionId, update_uses
from shared.postgres.database import Database
from shared.process.background import end_task

FLUSH_EVERY = 5.0  # seconds; less where the idle age is short
REST = 10.0  # seconds after a failure
BATCH = 1000  # sessions in one statement
MAX_NOTED = 50_000  # sessions; the uses of others are not noted until these are written
LONGEST_LAG = dt.timedelta(minutes=1)

log = structlog.get_logger("session_uses")


def find_lag(idle_age: dt.timedelta) -> dt.timedelta:
    """Return by how much a session's row may lag behind its last use."""
    return min(LONGEST_LAG, idle_age / 10)


class SessionUses:
    """Notes that sessions are used. ``start`` at the beginning, ``stop`` at the end."""

    def __init__(self, database: Database, idle_age: dt.timedelta) -> None:
        self._database = database
        self._idle_age = idle_age
        self._pause = min(FLUSH_EVERY, idle_age.total_seconds() / 20)
        self._used_at: dict[SessionId, float] = {}
        self._has_failed = False
        self._flushing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._used_at)

    def note(self, session_id: SessionId) -> None:
        """Note that a session is used now."""
        if session_id in self._used_at or len(self._used_at) < MAX_NOTED:
            self._used_at[session_id] = time.monotonic()

    async def flush(self) -> bool:
        """Write what is noted; False when that could not be done, and all that is left stays noted."""
        noted = list(self._used_at)  # what is noted meanwhile waits for the next time
        for begin in range(0, len(noted), BATCH):
            batch = {session_id: self._used_at[session_id] for session_id in noted[begin : begin + BATCH]}
            try:
                await self._write(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits for this
                if not self._has_failed:
                    log.warning("session_uses_not_written", sessions=len(self), error=type(error).__name__)
                self._has_failed = True
                return False
            for session_id, used_at in batch.items():
                if self._used_at.get(session_id) == used_at:
                    del self._used_at[session_id]
        if self._has_failed and noted:
            log.info("session_uses_written_again", sessions=len(noted))
            self._has_failed = False
        return True

    async def start(self) -> None:
        """Begin to write, now and then."""
        self._flushing = asyncio.create_task(self._flush_for_ever())

    async def stop(self) -> None:
        """Write what is noted, and stop."""
        await end_task(self._flushing)
        await self.flush()

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            if not await self.flush():
                await asyncio.sleep(REST)

    async def _write(self, batch: dict[SessionId, float]) -> None:
        async with self._database.connection() as connection:
            now = time.monotonic()
            ages = [now - used_at for used_at in batch.values()]
            await update_uses(connection, list(batch), ages, self._idle_age, find_lag(self._idle_age))
