"""The table ``authors``: the posts service's copies of users. Each function is one SQL statement.

What the feed of user changes told counts as said at the end of time: no other word is newer. An author without a name
is a user who was deleted.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post."""

    id: int
    name: str
    email: str


async def upsert_authors(connection: Connection, authors: Sequence[Author], as_of: dt.datetime) -> None:
    """Store authors as they were at a moment; whoever is known as of a later moment stays as they are."""
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of)
        SELECT told.id, told.name, told.email, $4
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS told (id, name, email)
        ORDER BY told.id
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, as_of = excluded.as_of
        WHERE authors.as_of < excluded.as_of
        """,
        [author.id for author in authors],
        [author.name for author in authors],
        [author.email for author in authors],
        as_of,
    )


async def upsert_followed_authors(connection: Connection, authors: Sequence[Author]) -> None:
    """Store authors as the feed tells of them; from now on only the feed changes them."""
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of)
        SELECT told.id, told.name, told.email, 'infinity'
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS told (id, name, email)
        ORDER BY told.id
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, as_of = excluded.as_of
        """,
        [author.id for author in authors],
        [author.name for author in authors],
        [author.email for author in authors],
    )


async def upsert_deleted_authors(connection: Connection, author_ids: Sequence[int]) -> None:
    """Keep of authors only that they were deleted."""
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of)
        SELECT gone.id, NULL, NULL, 'infinity' FROM unnest($1::bigint[]) AS gone (id) ORDER BY gone.id
        ON CONFLICT (id) DO UPDATE SET name = NULL, email = NULL, as_of = excluded.as_of
        """,
        author_ids,
    )
