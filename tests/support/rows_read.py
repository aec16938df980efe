"""How tables were read: by index or from end to end, and how many rows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Reading:
    """How often a table was read from end to end, and how many of its rows were fetched by an index."""

    scans: int
    rows: int


async def watch_readings(
    connection: asyncpg.Connection, read: Callable[[], Awaitable[Found]], *tables: str
) -> tuple[Found, list[Reading]]:
    """Return what a connection reads, and how it reads each of these tables meanwhile; all of it is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        before = await _find_readings(connection)
        found = await read()
        after = await _find_readings(connection)
    finally:
        await transaction.rollback()
    return found, [
        Reading(after[table].scans - before[table].scans, after[table].rows - before[table].rows) for table in tables
    ]


async def _find_readings(connection: asyncpg.Connection) -> dict[str, Reading]:
    rows = await connection.fetch("SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables")
    return {row["relname"]: Reading(row["seq_scan"], row["idx_tup_fetch"] or 0) for row in rows}
