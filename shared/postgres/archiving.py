"""Whether PostgreSQL gets rid of its log where an ``archive_command`` keeps it, by its own statistics.

While the command fails or hangs the log stays in ``pg_wal``, until the disk is full, and no recovery leads to what it
holds. What waits there a service's role may not list: it is counted by the names of segments. Before the first one is
archived nothing can be said, since a server that is idle archives none.
"""

import datetime as dt
import re
from dataclasses import dataclass

from shared.postgres.schema import AnyConnection

LONGEST_SILENCE = dt.timedelta(minutes=5)
FEWEST_WAITING = 2  # segments; one that was finished just now is none that waits

_SEGMENT = re.compile(r"[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})")  # the timeline, and the high and low part of a number


@dataclass(frozen=True, slots=True)
class Archiving:
    """Whether there is an archive, when the last try went well, when one failed, and how much waits for how long."""

    is_on: bool
    archived_at: dt.datetime | None
    failed_at: dt.datetime | None
    waiting: int
    silence: dt.timedelta | None  # since something was archived

    @property
    def has_failed(self) -> bool:
        """Whether the last try failed."""
        if not self.is_on or self.failed_at is None:
            return False
        return self.archived_at is None or self.failed_at > self.archived_at

    @property
    def is_hanging(self) -> bool:
        """Whether nothing was archived for a while, though there is something to archive."""
        if not self.is_on or self.silence is None:
            return False
        return self.waiting >= FEWEST_WAITING and self.silence > LONGEST_SILENCE

    @property
    def is_failing(self) -> bool:
        """Whether the log is not got rid of."""
        return self.has_failed or self.is_hanging


async def ask_archiving(connection: AnyConnection) -> Archiving | None:
    """Ask the server; None where the role may not know. Raises what asyncpg raises."""
    if not await connection.fetchval("SELECT has_table_privilege('pg_stat_archiver', 'SELECT')"):
        return None
    row = await connection.fetchrow(
        "SELECT current_setting('archive_mode') <> 'off' AS is_on, last_archived_time, last_failed_time,"
        " last_archived_wal, clock_timestamp() - last_archived_time AS silence,"
        " CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS current_wal,"
        " pg_size_bytes(current_setting('wal_segment_size')) AS segment_size"
        " FROM pg_stat_archiver LIMIT 1"
    )
    assert row is not None
    waiting = count_waiting(row["last_archived_wal"], row["current_wal"], row["segment_size"])
    return Archiving(row["is_on"], row["last_archived_time"], row["last_failed_time"], waiting, row["silence"])


def count_waiting(archived: str | None, current: str | None, segment_size: int) -> int:
    """Return how many finished segments are behind the last that was archived; none where names don't tell."""
    first, last = _find_number(archived, segment_size), _find_number(current, segment_size)
    return max(0, last - first - 1) if first is not None and last is not None else 0


def _find_number(name: str | None, segment_size: int) -> int | None:
    parts = _SEGMENT.match(name or "")
    return int(parts[1], 16) * ((1 << 32) // segment_size) + int(parts[2], 16) if parts is not None else None
