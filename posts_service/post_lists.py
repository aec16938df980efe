"""The table ``posts`` read as lists, many with one statement, each post as the JSON that clients get.

PostgreSQL writes the JSON (migration 0003), so that nothing on the way takes it apart: byte for byte what ``answers``
makes of a ``Post``. Lists are as in ``posts``: newest first, those below ``before``. Who may see what is not decided
here.

What is asked for comes in arrays. Behind a subquery the planner can't count them, so that one plan, made once, does
for any number of lists. Each list walks an index of its own, with drafts or without, and reads its author once.

It can't see how short a list is either, and would rather read all authors once than look up those of so many posts:
``OFFSET 0`` leaves it no other way than the look-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class AuthorsList:
    """Asks for ``limit`` posts of an author below the id ``before``: all of them, or those that are published."""

    author_id: int
    before: int
    limit: int
    with_drafts: bool


@dataclass(frozen=True, slots=True)
class FeedList:
    """Asks for ``limit`` published posts of everyone below the id ``before``."""

    before: int
    limit: int


@dataclass(frozen=True, slots=True)
class PostList:
    """The JSON of a list; the last id on it, if more posts follow; authors who are not known here."""

    body: bytes
    last_id: int | None
    unknown_authors: frozenset[int]


async def list_by_authors(connection: Connection, asked: Sequence[AuthorsList]) -> list[PostList]:
    """Return the lists of authors' posts that are asked for, in that order."""
    rows = await connection.fetch(
        """
        SELECT list.ids, list.posts, author.json IS NULL AS is_unknown
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[]), (SELECT $3::int[]), (SELECT $4::boolean[]))
            WITH ORDINALITY AS asked (author_id, before, most, with_drafts, place)
        LEFT JOIN LATERAL (
            SELECT json_author(name, email) AS json FROM authors WHERE id = asked.author_id OFFSET 0
        ) AS author ON true
        CROSS JOIN LATERAL (
            SELECT array_agg(id ORDER BY id DESC) AS ids, array_agg(
                json_post(id, title, content, published, author_id, created_at, updated_at, author.json)
                ORDER BY id DESC
            ) AS posts
            FROM (
                (SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE asked.with_drafts AND author_id = asked.author_id AND id < asked.before
                ORDER BY id DESC LIMIT asked.most + 1)
                UNION ALL
                (SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE NOT asked.with_drafts AND published AND author_id = asked.author_id AND id < asked.before
                ORDER BY id DESC LIMIT asked.most + 1)
            ) AS post
        ) AS list
        ORDER BY asked.place
        """,
        [one.author_id for one in asked],
        [one.before for one in asked],
        [one.limit for one in asked],
        [one.with_drafts for one in asked],
    )
    return [
        _make_list(row["ids"], row["posts"], one.limit, [one.author_id] if row["is_unknown"] else [])
        for row, one in zip(rows, asked, strict=True)
    ]


async def list_feeds(connection: Connection, asked: Sequence[FeedList]) -> list[PostList]:
    """Return the lists of everyone's published posts that are asked for, in that order."""
    rows = await connection.fetch(
        """
        SELECT list.ids, list.posts, list.unknown
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::int[])) WITH ORDINALITY AS asked (before, most, place)
        CROSS JOIN LATERAL (
            SELECT array_agg(post.id ORDER BY post.id DESC) AS ids, array_agg(
                json_post(
                    post.id, post.title, post.content, post.published, post.author_id, post.created_at, post.updated_at,
                    json_author(author.name, author.email)
                )
                ORDER BY post.id DESC
            ) AS posts, array_agg(post.author_id) FILTER (WHERE author.name IS NULL) AS unknown
            FROM (
                SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE published AND id < asked.before
                ORDER BY id DESC LIMIT asked.most + 1
            ) AS post
            LEFT JOIN LATERAL (
                SELECT name, email FROM authors WHERE id = post.author_id OFFSET 0
            ) AS author ON true
        ) AS list
        ORDER BY asked.place
        """,
        [one.before for one in asked],
        [one.limit for one in asked],
    )
    return [
        _make_list(row["ids"], row["posts"], one.limit, row["unknown"] or [])
        for row, one in zip(rows, asked, strict=True)
    ]


def _make_list(
    ids: Sequence[int] | None, posts: Sequence[str] | None, limit: int, unknown_authors: Sequence[int]
) -> PostList:
    """Return a list of ``limit`` posts; one more was read, to know whether others follow. None at all are None."""
    if ids is None or posts is None:
        return PostList(b"[]", None, frozenset())
    body = f"[{','.join(posts[:limit])}]".encode()
    return PostList(body, ids[limit - 1] if len(ids) > limit else None, frozenset(unknown_authors))
