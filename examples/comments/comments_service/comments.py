"""The table ``comments``, read together with its authors. Each function is one SQL statement.

What a user wrote who was deleted is not there for any statement (``removals``).
"""

from shared.postgres.database import Connection
from shared.web.schemas import Time, View


class Comment(View):
    """One comment; ``author`` is the name of whoever wrote it, None while that is not known here."""

    id: int
    post_id: int
    content: str
    created_at: Time
    author: str | None


async def list_comments(connection: Connection, post_id: int, limit: int) -> list[Comment]:
    """Return the newest comments on a post."""
    rows = await connection.fetch(
        """
        SELECT comment.id, comment.post_id, comment.content, comment.created_at, authors.name AS author
        FROM comments AS comment LEFT JOIN authors ON authors.id = comment.author_id
        WHERE comment.post_id = $1 AND comment.author_id NOT IN (SELECT author_id FROM removals)
        ORDER BY comment.id DESC LIMIT $2
        """,
        post_id,
        limit,
    )
    return [Comment(**row) for row in rows]


async def insert_comment(connection: Connection, post_id: int, author_id: int, content: str) -> Comment | None:
    """Store a comment and return it; None when its author is no more."""
    row = await connection.fetchrow(
        """
        INSERT INTO comments (post_id, author_id, content)
        SELECT $1, id, $3 FROM authors WHERE id = $2 AND name IS NOT NULL
        RETURNING id, post_id, content, created_at, (SELECT name FROM authors WHERE id = $2) AS author
        """,
        post_id,
        author_id,
        content,
    )
    return Comment(**row) if row else None


async def delete_comments_of(connection: Connection, author_id: int, limit: int) -> int:
    """Delete some of what a user wrote, and return how many comments."""
    done: str = await connection.execute(
        "DELETE FROM comments WHERE id = ANY(ARRAY(SELECT id FROM comments WHERE author_id = $1 LIMIT $2 FOR UPDATE))",
        author_id,
        limit,
    )
    return int(done.removeprefix("DELETE "))
