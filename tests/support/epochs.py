"""Where the data is, as a test wants the service to find it: emptied and nothing lost, or restarted."""

import contextlib

import asyncpg
from starlette.applications import Starlette


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


async def empty_tables(database: asyncpg.Connection, tables: str, numbered: str) -> None:
    """Empty tables, of which ``numbered`` gives the ids, and let nothing count as lost.

    A statement of the service's own may meanwhile hold some of them and wait for others: then once more.
    """
    for is_last in (False, False, True):
        with contextlib.nullcontext() if is_last else contextlib.suppress(asyncpg.DeadlockDetectedError):
            async with database.transaction():
                await database.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
                await note_place(database, numbered)
            return


async def note_restart(app: Starlette, database: asyncpg.Connection) -> None:
    """Make it look as if the database's server had been restarted since the service last looked.

    It looks once more before: the higher ids that it may have seen until a table was emptied would be a loss.
    """
    await app.state.parts.epoch_watch.look()
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
