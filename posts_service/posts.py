"""The table ``posts``, read together with the author of each. Each function is one SQL statement.

Lists are newest first and go on below an id (``before``), so a deep page costs what the first one does.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from posts_service.authors import Author
from shared.database import Connection, Row
from shared.tokens import MAX_ID

FROM_THE_NEWEST = MAX_ID


@dataclass(frozen=True, slots=True)
class Post:
    """One post; ``author`` is None while nothing is known of them. ``version`` counts its changes from 1."""

    id: int
    author_id: int
    title: str
    content: str
    published: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    author: Author | None

    @property
    def etag(self) -> str:
        """The entity tag (RFC 9110, section 8.8.3): changes with whatever the post's JSON shows."""
        shown = hashlib.sha256(f"{self.author}".encode()).hexdigest()[:8]
        return f'"{self.id}-{self.version}-{shown}"'


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change in a post; None leaves a member as it is."""

    title: str | None = None
    content: str | None = None
    published: bool | None = None


async def insert_post(connection: Connection, author: Author, title: str, content: str, *, published: bool) -> Post:
    """Store a new post and return it."""
    row = await connection.fetchrow(
        """
        INSERT INTO posts (author_id, title, content, published) VALUES ($1, $2, $3, $4)
        RETURNING id, author_id, title, content, published, version, created_at, updated_at,
            NULL::text AS author_name, NULL::text AS author_email
        """,
        *(author.id, title, content, published),
    )
    return replace(_read_post(row), author=author)


async def find_post(connection: Connection, post_id: int) -> Post | None:
    """Return the post, or None."""
    row = await connection.fetchrow(
        """
        SELECT p.id, p.author_id, p.title, p.content, p.published, p.version, p.created_at, p.updated_at,
            a.name AS author_name, a.email AS author_email
        FROM posts p LEFT JOIN authors a ON a.id = p.author_id
        WHERE p.id = $1
        """,
        post_id,
    )
    return _read_post(row) if row else None


async def list_posts_of_author(
    connection: Connection, author_id: int, *, drafts: bool, before: int, limit: int
) -> list[Post]:
    """Return an author's posts below the id ``before``, with their drafts or only what is published."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.author_id, p.title, p.content, p.published, p.version, p.created_at, p.updated_at,
            a.name AS author_name, a.email AS author_email
        FROM posts p LEFT JOIN authors a ON a.id = p.author_id
        WHERE p.author_id = $1 AND p.id < $2 AND (p.published OR $3)
        ORDER BY p.id DESC LIMIT $4
        """,
        *(author_id, before, drafts, limit),
    )
    return _read_posts(rows)


async def list_published_posts(connection: Connection, *, before: int, limit: int) -> list[Post]:
    """Return everyone's published posts below the id ``before``."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.author_id, p.title, p.content, p.published, p.version, p.created_at, p.updated_at,
            a.name AS author_name, a.email AS author_email
        FROM posts p LEFT JOIN authors a ON a.id = p.author_id
        WHERE p.published AND p.id < $1
        ORDER BY p.id DESC LIMIT $2
        """,
        *(before, limit),
    )
    return _read_posts(rows)


async def update_post(connection: Connection, post: Post, changes: Changes, *, only_version: int | None) -> Post | None:
    """Change a post and return it; None when it is gone, or is not of ``only_version`` where one is given."""
    row = await connection.fetchrow(
        """
        UPDATE posts SET title = coalesce($3, title), content = coalesce($4, content),
            published = coalesce($5, published), version = version + 1, updated_at = now()
        WHERE id = $1 AND author_id = $2 AND version = coalesce($6, version)
        RETURNING id, author_id, title, content, published, version, created_at, updated_at,
            NULL::text AS author_name, NULL::text AS author_email
        """,
        *(post.id, post.author_id, changes.title, changes.content, changes.published, only_version),
    )
    return replace(_read_post(row), author=post.author) if row else None


async def delete_post(connection: Connection, post: Post, *, only_version: int | None) -> bool:
    """Delete a post; False when it is gone, or is not of ``only_version`` where one is given."""
    deleted = await connection.fetchval(
        "DELETE FROM posts WHERE id = $1 AND author_id = $2 AND version = coalesce($3, version) RETURNING id",
        *(post.id, post.author_id, only_version),
    )
    return deleted is not None


def _read_posts(rows: Sequence[Row]) -> list[Post]:
    return [_read_post(row) for row in rows]


def _read_post(row: Row) -> Post:
    return Post(
        id=row["id"],
        author_id=row["author_id"],
        title=row["title"],
        content=row["content"],
        published=row["published"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        author=None
        if row["author_name"] is None
        else Author(row["author_id"], row["author_name"], row["author_email"]),
    )
