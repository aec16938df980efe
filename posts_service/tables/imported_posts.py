"""The table ``imported_posts``: the keys of posts that were taken over from another system, stored with the posts."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.postgres.database import Connection
from shared.postgres.epochs import DataMoved


@dataclass(frozen=True, slots=True)
class ImportedPost:
    """A post as another system had it, under a key of that system; None where it did not say."""

    key: str
    author_id: int
    title: str
    content: str
    published: bool
    created_at: dt.datetime | None
    updated_at: dt.datetime | None


async def list_imported_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return which of some keys were imported before."""
    rows = await connection.fetch("SELECT key FROM imported_posts WHERE key = ANY($1::text[])", keys)
    return {row["key"] for row in rows}


async def insert_imported_posts(connection: Connection, posts: Sequence[ImportedPost]) -> int:
    """Store posts in their order, each key once, and return how many were new; DataMoved when no ids can be given out.

    No key may be given twice, and the authors must be locked.
    """
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('posts') AS is_right
        ), given AS (
            SELECT key, author_id, title, content, published, created, updated, number
            FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[],
                $7::timestamptz[]) WITH ORDINALITY
                AS given (key, author_id, title, content, published, created, updated, number)
        ), new AS (
            INSERT INTO imported_posts (key) SELECT key FROM given, place WHERE is_right ORDER BY key
            ON CONFLICT DO NOTHING RETURNING key
        ), post AS (
            INSERT INTO posts (author_id, title, content, published, created_at, updated_at)
            SELECT author_id, title, content, published, coalesce(created, now()), coalesce(updated, created, now())
            FROM given JOIN new USING (key) ORDER BY number
        )
        SELECT is_right, (SELECT count(*) FROM new) AS stored FROM place
        """,
        [post.key for post in posts],
        [post.author_id for post in posts],
        [post.title for post in posts],
        [post.content for post in posts],
        [post.published for post in posts],
        [post.created_at for post in posts],
        [post.updated_at for post in posts],
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    stored: int = row["stored"]
    return stored
