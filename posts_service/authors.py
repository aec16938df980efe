"""The table ``authors``: the posts service's copy of users. Each function is one SQL statement."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post."""

    id: int
    name: str
    email: str


async def upsert_authors(connection: Connection, authors: Iterable[Author]) -> None:
    """Store the authors as they are now; rows that are right already are not written again."""
    known = {author.id: author for author in authors}.values()
    await connection.execute(
        """
        INSERT INTO authors (id, name, email)
        SELECT id, name, email FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (id, name, email)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email
        WHERE (authors.name, authors.email) IS DISTINCT FROM (excluded.name, excluded.email)
        """,
        [author.id for author in known],
        [author.name for author in known],
        [author.email for author in known],
    )
