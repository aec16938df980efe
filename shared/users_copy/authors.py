"""The table ``authors``: a service's copies of users. Each function is one SQL statement.

What the feed of user changes says is dated at the end of time: nothing else is ever newer. An author without a name is
a user who was deleted, or whom the auth service no longer knows since its database was restored. ``reading`` is the
start of the rereading of the whole feed that an update belongs to, if it belongs to one.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.postgres.database import Connection
from shared.tokens.claims import Claims


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote something."""

    id: int
    name: str
    email: str


async def upsert_author(connection: Connection, claims: Claims) -> None:
    """Store the author as their token names them, unless a later state of them is known.

    Locks the author's row until the transaction ends, so that a user's deletion waits for what they are writing. The
    author's row is always locked before what they wrote.
    """
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, as_of = excluded.as_of
        WHERE authors.as_of < excluded.as_of
        """,
        claims.user_id,
        claims.name,
        claims.email,
        dt.datetime.fromtimestamp(claims.issued_at, dt.UTC),
    )


async def upsert_followed_authors(
    connection: Connection, authors: Sequence[Author], reading: dt.datetime | None = None
) -> None:
    """Store authors as the feed names them; from now on only the feed changes them."""
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of, told_in)
        SELECT told.id, told.name, told.email, 'infinity', $4
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS told (id, name, email)
        ORDER BY told.id
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, as_of = excluded.as_of,
            told_in = coalesce(excluded.told_in, authors.told_in)
        """,
        [author.id for author in authors],
        [author.name for author in authors],
        [author.email for author in authors],
        reading,
    )


async def upsert_deleted_authors(
    connection: Connection, author_ids: Sequence[int], reading: dt.datetime | None = None
) -> None:
    """Forget everything about authors except that they were deleted."""
    await connection.execute(
        """
        INSERT INTO authors (id, name, email, as_of, told_in, deleted_at)
        SELECT gone.id, NULL, NULL, 'infinity', $2, now() FROM unnest($1::bigint[]) AS gone (id) ORDER BY gone.id
        ON CONFLICT (id) DO UPDATE SET name = NULL, email = NULL, as_of = excluded.as_of,
            told_in = coalesce(excluded.told_in, authors.told_in),
            deleted_at = coalesce(authors.deleted_at, excluded.deleted_at)
        """,
        author_ids,
        reading,
    )


async def list_authors_by_email(connection: Connection, emails: Sequence[str]) -> list[Author]:
    """Return the authors who have one of some e-mail addresses, in whatever case, by id, locked against deletion.

    Of addresses that differ in case only, two authors at most. A service that asks wants an index on ``lower(email)``.
    """
    rows = await connection.fetch(
        # With BETWEEN only that index gives this order: with ``=`` the planner may also read all authors.
        """
        WITH found AS MATERIALIZED (
            SELECT author.id FROM unnest($1::text[]) AS wanted CROSS JOIN LATERAL (
                SELECT id FROM authors WHERE lower(email) BETWEEN lower(wanted) AND lower(wanted)
                ORDER BY lower(email) LIMIT 2
            ) AS author
        )
        SELECT id, name, email FROM authors WHERE id = ANY(ARRAY(SELECT id FROM found LIMIT $2)) AND name IS NOT NULL
        ORDER BY id FOR SHARE
        """,
        emails,
        2 * len(emails),
    )
    return [Author(**row) for row in rows]


async def update_unknown_authors(connection: Connection, reading: dt.datetime, limit: int) -> int:
    """Forget the names of some authors whom a reading of the whole feed did not name; return how many.

    What a token has said since the reading began is left alone: the feed will follow up.
    """
    done: str = await connection.execute(
        """
        UPDATE authors SET name = NULL, email = NULL, as_of = 'infinity', told_in = $1
        WHERE id = ANY(ARRAY(
            SELECT id FROM authors
            WHERE name IS NOT NULL AND told_in IS DISTINCT FROM $1 AND (as_of = 'infinity' OR as_of < $1)
            ORDER BY id LIMIT $2 FOR UPDATE
        ))
        """,
        reading,
        limit,
    )
    return int(done.removeprefix("UPDATE "))


async def delete_long_deleted_authors(connection: Connection, kept_for: dt.timedelta, limit: int) -> int:
    """Forget some users altogether who were deleted so long ago, and of whom nothing is left; return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM authors WHERE id = ANY(ARRAY(
            SELECT id FROM authors
            WHERE name IS NULL AND deleted_at < now() - $1::interval AND id NOT IN (SELECT author_id FROM removals)
            ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        kept_for,
        limit,
    )
    return len(rows)


async def count_returned_authors(connection: Connection) -> int:
    """Return the number of users who were deleted, and are back since a backup was restored."""
    number: int = await connection.fetchval(
        "SELECT count(*) FROM authors WHERE deleted_at IS NOT NULL AND name IS NOT NULL"
    )
    return number
