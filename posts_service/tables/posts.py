"""The table ``posts``, read together with its authors. Each function is one SQL statement.

Lists are newest first: descending ids below ``before``. Who may see or change a post is not decided here; but no
statement sees what a deleted author wrote (``removals``).
"""

import datetime as dt
from dataclasses import dataclass

from shared.postgres.database import Connection, Row
from shared.postgres.epochs import DataMoved
from shared.users_copy.authors import Author


@dataclass(frozen=True, slots=True)
class Post:
    """One post; ``author`` is None while the author is not known here."""

    id: int
    title: str
    content: str
    published: bool
    version: int
    author_id: int
    created_at: dt.datetime
    updated_at: dt.datetime
    author: Author | None


async def insert_post(
    connection: Connection, author_id: int, title: str, content: str, *, published: bool
) -> Post | None:
    """Store a new post and return it; None when its author was deleted, DataMoved when no id can be given out."""
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('posts') AS is_right
        ), post AS (
            INSERT INTO posts (author_id, title, content, published)
            SELECT $1::bigint, $2::text, $3::text, $4::boolean FROM place
            WHERE is_right AND NOT EXISTS (SELECT FROM authors WHERE id = $1 AND name IS NULL)
            RETURNING id, title, content, published, version, author_id, created_at, updated_at
        )
        SELECT place.is_right, post.id, post.title, post.content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM place LEFT JOIN post ON true LEFT JOIN authors ON authors.id = post.author_id
        """,
        author_id,
        title,
        content,
        published,
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    return _read_post(row) if row["id"] is not None else None


async def get_highest_post_id(connection: Connection) -> int:
    """Return the highest id of a post; 0 when there are none."""
    highest: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM posts")
    return highest


async def find_post(connection: Connection, post_id: int) -> Post | None:
    """Return the post with that id, or None."""
    row = await connection.fetchrow(
        """
        SELECT post.id, post.title, post.content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
        WHERE post.id = $1 AND post.author_id NOT IN (SELECT author_id FROM removals)
        """,
        post_id,
    )
    return _read_post(row) if row else None


async def find_post_for_update(connection: Connection, post_id: int) -> Post | None:
    """Return the post with that id, locked until the transaction ends, or None."""
    row = await connection.fetchrow(
        """
        SELECT post.id, post.title, post.content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
        WHERE post.id = $1 AND post.author_id NOT IN (SELECT author_id FROM removals)
        FOR UPDATE OF post
        """,
        post_id,
    )
    return _read_post(row) if row else None


async def list_published(connection: Connection, before: int, limit: int, most: int) -> list[Post]:
    """Return everyone's published posts, with ``most`` characters of each content."""
    rows = await connection.fetch(
        """
        SELECT post.id, post.title, left(post.content, $3) AS content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
        WHERE post.published AND post.id < $1 AND post.author_id NOT IN (SELECT author_id FROM removals)
        ORDER BY post.id DESC LIMIT $2
        """,
        before,
        limit,
        most,
    )
    return [_read_post(row) for row in rows]


async def list_by_author(connection: Connection, author_id: int, before: int, limit: int, most: int) -> list[Post]:
    """Return an author's posts, including drafts, with ``most`` characters of each content."""
    rows = await connection.fetch(
        """
        SELECT post.id, post.title, left(post.content, $4) AS content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
        WHERE post.author_id = $1 AND post.id < $2 AND $1 NOT IN (SELECT author_id FROM removals)
        ORDER BY post.id DESC LIMIT $3
        """,
        author_id,
        before,
        limit,
        most,
    )
    return [_read_post(row) for row in rows]


async def list_published_by_author(
    connection: Connection, author_id: int, before: int, limit: int, most: int
) -> list[Post]:
    """Return an author's published posts, with ``most`` characters of each content."""
    rows = await connection.fetch(
        """
        SELECT post.id, post.title, left(post.content, $4) AS content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
        WHERE post.author_id = $1 AND post.published AND post.id < $2
            AND $1 NOT IN (SELECT author_id FROM removals)
        ORDER BY post.id DESC LIMIT $3
        """,
        author_id,
        before,
        limit,
        most,
    )
    return [_read_post(row) for row in rows]


async def update_post(
    connection: Connection,
    post_id: int,
    author_id: int,
    *,
    title: str | None,
    content: str | None,
    published: bool | None,
) -> Post:
    """Change what is not None, increment the version, and return the post, which must be locked."""
    row = await connection.fetchrow(
        """
        WITH post AS (
            UPDATE posts SET title = coalesce($3, title), content = coalesce($4, content),
                published = coalesce($5, published), version = version + 1, updated_at = clock_timestamp()
            WHERE id = $1 AND author_id = $2
            RETURNING id, title, content, published, version, author_id, created_at, updated_at
        )
        SELECT post.id, post.title, post.content, post.published, post.version, post.author_id,
            post.created_at, post.updated_at, authors.name, authors.email
        FROM post LEFT JOIN authors ON authors.id = post.author_id
        """,
        post_id,
        author_id,
        title,
        content,
        published,
    )
    assert row is not None
    return _read_post(row)


async def delete_post(connection: Connection, post_id: int, author_id: int) -> None:
    """Delete an author's post; it does not matter if it is gone already."""
    await connection.execute("DELETE FROM posts WHERE id = $1 AND author_id = $2", post_id, author_id)


async def has_posts_of(connection: Connection, author_id: int) -> bool:
    """Tell whether an author has posts, even if nobody may see them any more."""
    found: int | None = await connection.fetchval(
        # BETWEEN: as in ``delete_posts_of``. EXISTS would ignore the order.
        "SELECT id FROM posts WHERE author_id BETWEEN $1 AND $1 ORDER BY author_id LIMIT 1",
        author_id,
    )
    return found is not None


async def delete_posts_of(connection: Connection, author_id: int, limit: int, most_bytes: int) -> int:
    """Delete some posts of an author, newest first, and return how many; locked rows are skipped.

    At most ``limit``, and no more once their contents exceed ``most_bytes``.
    """
    rows = await connection.fetch(
        # With BETWEEN only the author's own index gives this order. With ``=`` the planner may also walk over
        # everybody's posts, or the table: if an author has many, it expects the next never to be far.
        """
        DELETE FROM posts WHERE author_id = $1 AND id = ANY(ARRAY(
            SELECT id FROM (
                SELECT id, sum(octet_length(content)) OVER (ORDER BY id DESC) - octet_length(content) AS bytes_before
                FROM (
                    SELECT id, content FROM posts WHERE author_id BETWEEN $1 AND $1
                    ORDER BY author_id, id DESC LIMIT $2 FOR UPDATE SKIP LOCKED
                ) AS newest
            ) AS post
            WHERE bytes_before <= $3
        )) RETURNING 1
        """,
        author_id,
        limit,
        most_bytes,
    )
    return len(rows)


def _read_post(row: Row) -> Post:
    known = row["name"] is not None
    return Post(
        id=row["id"],
        title=row["title"],
        content=row["content"],
        published=row["published"],
        version=row["version"],
        author_id=row["author_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        author=Author(row["author_id"], row["name"], row["email"]) if known else None,
    )
