"""The table ``posts`` read as lists, many with one statement, each post as the JSON that clients get.

PostgreSQL writes the JSON (migrations 0003, 0004), so that nothing on the way takes it apart: byte for byte what
``answers`` makes of a ``Post``. Lists are as in ``posts``: newest first, those below ``before``. Who may see what is
not decided here.

What is asked for comes in arrays. Behind a subquery the planner can't count them, so that one plan, made once, does
for any number of lists. Each list walks an index of its own, with drafts or without, and reads its author once. All
lists of authors come back as one row, which PostgreSQL sends as it is: of several, each would go through its buffer of
8 kB, which wakes us each time that it is full.

It can't see how short a list is either, and would rather read all authors once than look up those of so many posts:
``OFFSET 0`` leaves it no other way than the look-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.database import Connection

_BETWEEN_POSTS = ',{"id":'  # and nowhere else: the quotes within a text have a backslash before them


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
    row = await connection.fetchrow(
        """
        SELECT array_agg(list.posts ORDER BY asked.place) AS posts,
            array_agg(list.last_id ORDER BY asked.place) AS last_ids,
            array_agg(author.json IS NULL ORDER BY asked.place) AS are_unknown
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[]), (SELECT $3::int[]), (SELECT $4::boolean[]))
            WITH ORDINALITY AS asked (author_id, before, most, with_drafts, place)
        LEFT JOIN LATERAL (
            SELECT json_author(name, email) AS json FROM authors WHERE id = asked.author_id OFFSET 0
        ) AS author ON true
        CROSS JOIN LATERAL (
            SELECT string_agg(
                json_post(id, title, content, published, author_id, created_at, updated_at, author.json), ','
                ORDER BY id DESC
            ) AS posts,
            CASE WHEN count(*) > asked.most THEN (array_agg(id ORDER BY id DESC))[asked.most] END AS last_id
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
        """,
        [one.author_id for one in asked],
        [one.before for one in asked],
        [one.limit for one in asked],
        [one.with_drafts for one in asked],
    )
    assert row is not None
    lists = zip(asked, row["posts"], row["last_ids"], row["are_unknown"], strict=True)
    return [
        _make_list(posts, last_id, [one.author_id] if is_unknown else []) for one, posts, last_id, is_unknown in lists
    ]


async def list_feeds(connection: Connection, asked: Sequence[FeedList]) -> list[PostList]:
    """Return the lists of everyone's published posts that are asked for, in that order."""
    rows = await connection.fetch(
        """
        SELECT list.posts, list.last_id, list.unknown
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::int[])) WITH ORDINALITY AS asked (before, most, place)
        CROSS JOIN LATERAL (
            SELECT string_agg(
                json_post(
                    post.id, post.title, post.content, post.published, post.author_id, post.created_at, post.updated_at,
                    json_author(author.name, author.email)
                ), ','
                ORDER BY post.id DESC
            ) AS posts,
            CASE WHEN count(*) > asked.most THEN (array_agg(post.id ORDER BY post.id DESC))[asked.most] END AS last_id,
            array_agg(post.author_id) FILTER (WHERE author.name IS NULL) AS unknown
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
    return [_make_list(row["posts"], row["last_id"], row["unknown"] or []) for row in rows]


def _make_list(posts: str | None, last_id: int | None, unknown_authors: Sequence[int]) -> PostList:
    """Return a list; where more posts follow its last, one of them was read to know it. No posts at all are None."""
    if posts is None:
        return PostList(b"[]", None, frozenset())
    if last_id is not None:
        posts = posts[: posts.rindex(_BETWEEN_POSTS)]
    return PostList(f"[{posts}]".encode(), last_id, frozenset(unknown_authors))
