"""The table ``posts`` read as lists, many per statement, each post as the JSON that clients get.

PostgreSQL writes the JSON (migrations 0003, 0004, 0007), so that nothing on the way parses it: byte for byte what
``answers`` makes of a ``Post``. In the public list an author is a name, without the e-mail address. Lists are as in
``posts``: newest first, ids below ``before``, without deleted authors. Who may see what is not decided here.

The requests are passed as arrays. Behind a subquery the planner can't count their elements, so one plan, made once,
does for any number of lists. Each list walks its own index, with drafts or without, and reads its author once. All
lists of authors come back as one row, which PostgreSQL sends as it is: several rows would go through its buffer of 8
kB, which wakes us each time it is full.

Nor can it see how short a list is: it would rather read all authors once than look up those of so many posts, and
``OFFSET 0`` leaves it nothing but the look-up.

How much memory a list takes is not up to clients. A query writes out lists of short posts only, so that the number of
posts bounds its result; for any other list it reports that a long post is on it. Such a list is read by itself
(``list_long_``): first the lengths, for which no content is touched, then as many posts as fit into ``PAGE_BYTES``; the
next page has the rest. The common case pays for none of this.
"""

from collections.abc import Sequence
from dataclasses import replace

from posts_service.lists import PAGE_BYTES, AuthorsList, FeedList, PostList
from shared.postgres.database import Connection

SHORT = 10_000  # bytes of content: a hundred such posts are no more than a page takes

_ANY_LENGTH = 2**31 - 1
_TOO_LONG = "\x01"  # in place of a post that was not written out; in JSON it would be \\u0001
_BETWEEN_POSTS = ',{"id":'  # and nowhere else: quotes inside a text are escaped with a backslash


async def list_by_authors(
    connection: Connection, asked: Sequence[AuthorsList], longest: int = SHORT
) -> list[PostList | None]:
    """Return the requested lists of authors' posts, in the same order; None for one with a longer post on it."""
    row = await connection.fetchrow(
        """
        SELECT array_agg(list.posts ORDER BY asked.place) AS posts,
            array_agg(list.last_id ORDER BY asked.place) AS last_ids
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[]), (SELECT $3::int[]), (SELECT $4::boolean[]))
            WITH ORDINALITY AS asked (author_id, before, most, with_drafts, place)
        LEFT JOIN LATERAL (
            SELECT json_author(name, email) AS json FROM authors WHERE id = asked.author_id OFFSET 0
        ) AS author ON true
        CROSS JOIN LATERAL (
            SELECT string_agg(
                CASE WHEN octet_length(content) <= $5
                    THEN json_post(id, title, content, published, author_id, created_at, updated_at, author.json)
                    ELSE chr(1)
                END, ',' ORDER BY id DESC
            ) AS posts,
            CASE WHEN count(*) > asked.most THEN (array_agg(id ORDER BY id DESC))[asked.most] END AS last_id
            FROM (
                (SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE asked.with_drafts AND author_id = asked.author_id AND id < asked.before
                    AND asked.author_id NOT IN (SELECT author_id FROM removals)
                ORDER BY id DESC LIMIT asked.most + 1)
                UNION ALL
                (SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE NOT asked.with_drafts AND published AND author_id = asked.author_id AND id < asked.before
                    AND asked.author_id NOT IN (SELECT author_id FROM removals)
                ORDER BY id DESC LIMIT asked.most + 1)
            ) AS post
        ) AS list
        """,
        [one.author_id for one in asked],
        [one.before for one in asked],
        [one.limit for one in asked],
        [one.with_drafts for one in asked],
        longest,
    )
    assert row is not None
    return [_make_list(posts, last_id) for posts, last_id in zip(row["posts"], row["last_ids"], strict=True)]


async def list_feeds(connection: Connection, asked: Sequence[FeedList], longest: int = SHORT) -> list[PostList | None]:
    """Return the requested lists of everyone's published posts, in the same order; None as above."""
    rows = await connection.fetch(
        """
        SELECT list.posts, list.last_id
        FROM unnest((SELECT $1::bigint[]), (SELECT $2::int[])) WITH ORDINALITY AS asked (before, most, place)
        CROSS JOIN LATERAL (
            SELECT string_agg(
                CASE WHEN octet_length(post.content) <= $3 THEN json_post(
                    post.id, post.title, post.content, post.published, post.author_id, post.created_at, post.updated_at,
                    json_public_author(author.name)
                ) ELSE chr(1) END, ',' ORDER BY post.id DESC
            ) AS posts,
            CASE WHEN count(*) > asked.most THEN (array_agg(post.id ORDER BY post.id DESC))[asked.most] END AS last_id
            FROM (
                SELECT id, title, content, published, author_id, created_at, updated_at FROM posts
                WHERE published AND id < asked.before AND author_id NOT IN (SELECT author_id FROM removals)
                ORDER BY id DESC LIMIT asked.most + 1
            ) AS post
            LEFT JOIN LATERAL (
                SELECT name FROM authors WHERE id = post.author_id OFFSET 0
            ) AS author ON true
        ) AS list
        ORDER BY asked.place
        """,
        [one.before for one in asked],
        [one.limit for one in asked],
        longest,
    )
    return [_make_list(row["posts"], row["last_id"]) for row in rows]


async def list_long_by_author(connection: Connection, asked: Sequence[AuthorsList]) -> list[PostList]:
    """Return one list of an author's posts with long ones on it, as far as they fit on a page."""
    [one] = asked
    fitting = await connection.fetchval(
        """
        SELECT count(*) FILTER (WHERE bytes <= $4) FROM (
            SELECT sum(octet_length(content)) OVER (ORDER BY id DESC) AS bytes FROM (
                (SELECT id, content FROM posts
                WHERE $5 AND author_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
                UNION ALL
                (SELECT id, content FROM posts
                WHERE NOT $5 AND published AND author_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
            ) AS post
        ) AS post
        """,
        one.author_id,
        one.before,
        one.limit,
        PAGE_BYTES,
        one.with_drafts,
    )
    found = await list_by_authors(connection, [replace(one, limit=max(1, fitting))], _ANY_LENGTH)
    return [each for each in found if each is not None]  # every length was allowed


async def list_long_feed(connection: Connection, asked: Sequence[FeedList]) -> list[PostList]:
    """Return one list of everyone's published posts with long ones on it, as far as they fit on a page."""
    [one] = asked
    fitting = await connection.fetchval(
        """
        SELECT count(*) FILTER (WHERE bytes <= $3) FROM (
            SELECT sum(octet_length(content)) OVER (ORDER BY id DESC) AS bytes FROM (
                SELECT id, content FROM posts
                WHERE published AND id < $1 AND author_id NOT IN (SELECT author_id FROM removals)
                ORDER BY id DESC LIMIT $2
            ) AS post
        ) AS post
        """,
        one.before,
        one.limit,
        PAGE_BYTES,
    )
    found = await list_feeds(connection, [replace(one, limit=max(1, fitting))], _ANY_LENGTH)
    return [each for each in found if each is not None]  # every length was allowed


def _make_list(posts: str | None, last_id: int | None) -> PostList | None:
    """Return a list; if more posts follow, one of them was read to find that out. None if there are no posts."""
    if posts is None:
        return PostList(b"[]", None)
    if _TOO_LONG in posts:
        return None
    if last_id is not None:
        posts = posts[: posts.rindex(_BETWEEN_POSTS)]
    return PostList(f"[{posts}]".encode(), last_id)
