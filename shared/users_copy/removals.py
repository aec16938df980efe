"""The table ``removals``: deleted authors, while anything that they wrote is left.

Each function is one SQL statement.

Every statement that reads what they wrote excludes these authors (``NOT IN (SELECT author_id FROM removals)``, or a
join with ``authors`` that have a name), so that one row here hides any number of rows at once. The table is nearly
always empty.
"""

from collections.abc import Sequence

from shared.postgres.database import Connection


async def insert_removals(connection: Connection, author_ids: Sequence[int]) -> None:
    """Hide what authors wrote, until it is deleted."""
    await connection.execute(
        "INSERT INTO removals (author_id) SELECT id FROM unnest($1::bigint[]) AS gone (id) ORDER BY id "
        "ON CONFLICT DO NOTHING",
        author_ids,
    )


async def delete_removals(connection: Connection, author_ids: Sequence[int]) -> None:
    """Note that nothing of these authors is left, or that they exist after all."""
    await connection.execute("DELETE FROM removals WHERE author_id = ANY($1::bigint[])", author_ids)


async def find_removal(connection: Connection) -> int | None:
    """Return the first author to be removed whom no other replica is working on, locked; None when there is none."""
    author_id: int | None = await connection.fetchval(
        "SELECT author_id FROM removals ORDER BY author_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return author_id
