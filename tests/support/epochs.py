"""A test that empties a table has not lost anything: where the data is now is noted, in the same transaction."""

import asyncpg


async def note_place(database: asyncpg.Connection, table: str) -> None:
    """Let the current epoch be that of a table as it is now, with ids from 1."""
    await database.execute(
        """
        UPDATE epochs SET ids_from = 0, table_id = to_regclass($1),
            file_node = coalesce(pg_relation_filenode(to_regclass($1)), 0)
        WHERE number = (SELECT max(number) FROM epochs)
        """,
        table,
    )
