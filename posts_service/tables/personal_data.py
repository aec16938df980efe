"""What all tables keep about one user, for an operator's export. Each function is one SQL statement.

It takes all rows there are: nobody waits for it but the operator.
"""

from shared.postgres.database import Connection


async def export_authors(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return the copy of the user."""
    rows = await connection.fetch(
        "SELECT id, name, email, as_of::text, told_in, deleted_at FROM authors WHERE id = $1", user_id
    )
    return [dict(row) for row in rows]


async def export_posts(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return what they wrote, drafts too."""
    rows = await connection.fetch(
        """
        SELECT id, title, content, published, version, created_at, updated_at FROM posts
        WHERE author_id = $1 ORDER BY id
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_idempotency_keys(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return the answers that are kept for requests that they may repeat."""
    rows = await connection.fetch(
        """
        SELECT key, status, convert_from(body, 'UTF8') AS body, created_at FROM idempotency_keys
        WHERE author_id = $1 ORDER BY created_at, key
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_removals(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return whether they were deleted, and what they wrote is being so."""
    rows = await connection.fetch("SELECT author_id FROM removals WHERE author_id = $1", user_id)
    return [dict(row) for row in rows]
