"""The table ``removals``: authors who were deleted, while something that they wrote is left.

Each function is one SQL statement.

Every statement that reads posts or stored answers leaves these authors out (``NOT IN (SELECT author_id FROM
removals)``), so that one row here hides any number of posts at once. The table is nearly always empty.
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
    """Show again what is left of authors who are there after all."""
    await connection.execute("DELETE FROM removals WHERE author_id = ANY($1::bigint[])", author_ids)


async def find_removal(connection: Connection) -> int | None:
    """Return the first author to be removed whom no other replica is at work on, locked; None when there is none."""
    author_id: int | None = await connection.fetchval(
        "SELECT author_id FROM removals ORDER BY author_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return author_id


async def delete_finished_removal(connection: Connection, author_id: int) -> bool:
    """Forget that an author is to be removed, if nothing of theirs is left; tell whether that is so."""
    done: str = await connection.execute(
        """
        DELETE FROM removals WHERE author_id = $1
            AND NOT EXISTS (SELECT FROM posts WHERE author_id = $1)
            AND NOT EXISTS (SELECT FROM idempotency_keys WHERE author_id = $1)
        """,
        author_id,
    )
    return done == "DELETE 1"
