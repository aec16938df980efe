"""When sessions were last used: noted in memory, and written in batches, every few seconds, by one task per process.

So looking up a session only reads: a database that takes no writes, a lost standby or a slow disk signs nobody out, and
ties up one connection of the pool. What this means for the idle end:

1. A use postpones the idle end once it is written, up to ``FLUSH_EVERY`` seconds later, and only where the row lags by
   more than ``get_lag``: a minute, or a tenth of the idle age if that is less. So a session may end that much early,
   and never late.
2. A session that has ended by then stays ended.
3. Uses that can't be written are kept and retried; those in memory when the process dies are lost, and a session that
   stays in use is soon noted again.
"""

import asyncio
import datetime as dt
import time

import structlog

from auth_service.tables.sessions import SessionId, update_uses
from shared.postgres.database import Database
from shared.process.background import end_task

FLUSH_EVERY = 5.0  # seconds; less where the idle age is short
BACK_OFF = 10.0  # seconds after a failure
BATCH = 1000  # sessions in one statement
MAX_NOTED = 50_000  # sessions; beyond that, uses are not noted until these are written
LONGEST_LAG = dt.timedelta(minutes=1)

log = structlog.get_logger("session_uses")


def get_lag(idle_age: dt.timedelta) -> dt.timedelta:
    """Return how far a session's row may lag behind its last use."""
    return min(LONGEST_LAG, idle_age / 10)


class SessionUses:
    """Notes the uses of sessions. ``start`` at the beginning, ``stop`` at the end."""

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
        """Write the noted uses; False when that failed, and the rest stays noted."""
        noted = list(self._used_at.items())  # uses noted meanwhile wait for the next flush
        for begin in range(0, len(noted), BATCH):
            batch = dict(noted[begin : begin + BATCH])
            try:
                await self._write(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, no request waits for this
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
        """Start to write, every few seconds."""
        self._flushing = asyncio.create_task(self._flush_for_ever())

    async def stop(self) -> None:
        """Write the noted uses, and stop."""
        await end_task(self._flushing)
        await self.flush()

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            if not await self.flush():
                await asyncio.sleep(BACK_OFF)

    async def _write(self, batch: dict[SessionId, float]) -> None:
        async with self._database.connection() as connection:
            now = time.monotonic()
            ages = [now - used_at for used_at in batch.values()]
            await update_uses(connection, list(batch), ages, self._idle_age, get_lag(self._idle_age))
