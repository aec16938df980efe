"""Whether PostgreSQL gets rid of its log where an ``archive_command`` keeps it, by its own statistics.

While the command fails the log stays in ``pg_wal``, until the disk is full, and no recovery leads to what it holds.
"""

import datetime as dt
from dataclasses import dataclass

from shared.postgres.schema import AnyConnection


@dataclass(frozen=True, slots=True)
class Archiving:
    """Whether there is an archive, and when the last try went well, and when one failed."""

    is_on: bool
    archived_at: dt.datetime | None
    failed_at: dt.datetime | None

    @property
    def is_failing(self) -> bool:
        """Whether the last try failed."""
        if not self.is_on or self.failed_at is None:
            return False
        return self.archived_at is None or self.failed_at > self.archived_at


async def ask_archiving(connection: AnyConnection) -> Archiving | None:
    """Ask the server; None where the role may not know. Raises what asyncpg raises."""
    if not await connection.fetchval("SELECT has_table_privilege('pg_stat_archiver', 'SELECT')"):
        return None
    row = await connection.fetchrow(
        "SELECT current_setting('archive_mode') <> 'off' AS is_on, last_archived_time, last_failed_time"
        " FROM pg_stat_archiver LIMIT 1"
    )
    assert row is not None
    return Archiving(row["is_on"], row["last_archived_time"], row["last_failed_time"])
