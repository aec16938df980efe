"""How tables were read: by index or from end to end, how many rows, and how many pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

Found = TypeVar("Found")

# So far, by this connection, which reports what it counts after its transaction. The views of statistics count what
# others read, too: autovacuum, and the service.
PAGES = """
    SELECT sum(pg_stat_get_xact_blocks_fetched(each))::bigint
    FROM (SELECT $1::regclass::oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass) AS of (each)
"""


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


async def count_pages(
    connection: asyncpg.Connection, read: Callable[[], Awaitable[Found]], table: str
) -> tuple[Found, int]:
    """Return what a connection reads, and how many pages of a table and of its indexes it takes for that."""
    async with connection.transaction():
        before = await connection.fetchval(PAGES, table)
        found = await read()
        return found, await connection.fetchval(PAGES, table) - before


async def _find_readings(connection: asyncpg.Connection) -> dict[str, Reading]:
    rows = await connection.fetch("SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables")
    return {row["relname"]: Reading(row["seq_scan"], row["idx_tup_fetch"] or 0) for row in rows}
