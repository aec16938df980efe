"""Where the data is, as a test wants the service to find it: emptied and nothing lost, or restarted."""

import contextlib
from collections.abc import Awaitable, Callable

import asyncpg

from shared.errors import Unavailable
from tests.support.services import RUNNING


async def note_place(database: asyncpg.Connection, table: str) -> None:
    """Let the current epoch be that of a table as it is now, with ids from 1: emptying it has lost nothing."""
    await database.execute(
        """
        UPDATE epochs SET ids_from = 0, table_id = to_regclass($1),
            file_node = coalesce(pg_relation_filenode(to_regclass($1)), 0)
        WHERE number = (SELECT max(number) FROM epochs)
        """,
        table,
    )


async def repeat_after_deadlock(
    database: asyncpg.Connection, *steps: Callable[[asyncpg.Connection], Awaitable[None]]
) -> None:
    """Do all steps in one transaction; again if the service locks the same tables in another order just then."""
    for tries_left in range(10, -1, -1):
        try:
            async with database.transaction():
                for step in steps:
                    await step(database)
        except asyncpg.DeadlockDetectedError:
            if not tries_left:
                raise
        else:
            return


async def truncate(database: asyncpg.Connection, tables: str) -> None:
    """Empty tables under a running service, and those that refer to them; ids go on."""

    async def empty(connection: asyncpg.Connection) -> None:
        await connection.execute(f"TRUNCATE {tables} CASCADE")

    await repeat_after_deadlock(database, empty)


async def look_everywhere() -> None:
    """Let each service of this process see where its data is now, and up to which id."""
    for app in RUNNING:
        with contextlib.suppress(Unavailable):  # one whose database is not there
            await app.state.parts.epoch_watch.look()


async def empty_tables(database: asyncpg.Connection, tables: str, numbered: str) -> None:
    """Empty tables, of which ``numbered`` gives the ids, and let nothing count as lost.

    A service that has not heard of the last epoch yet would see a loss: its ids were higher.
    """

    async def empty(connection: asyncpg.Connection) -> None:
        await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        await note_place(connection, numbered)

    await look_everywhere()
    await repeat_after_deadlock(database, empty)


async def note_restart(database: asyncpg.Connection) -> None:
    """Make it look as if the database's server had been restarted since the services of this process last looked.

    Each looks once more before: the higher ids that it may have seen until a table was emptied would be a loss.
    """
    await look_everywhere()
    await move_server_start(database)


async def move_server_start(database: asyncpg.Connection) -> None:
    """Let the newest epoch name another start of the server than that of the one that runs."""
    await database.execute(
        """
        UPDATE epochs SET server_started_at = server_started_at - interval '1 minute'
        WHERE number = (SELECT max(number) FROM epochs)
        """
    )


async def go_on_as_before(database: asyncpg.Connection) -> None:
    """Note that the data is in place as the release before does after a restart: in the epoch that there was."""
    await database.execute(
        """
        UPDATE epochs SET seen_at = clock_timestamp(), server_started_at = pg_postmaster_start_time()
        WHERE number = (SELECT max(number) FROM epochs)
        """
    )
