"""The table ``posts`` partitioned by author, as ``docs/scaling.md`` proposes: what each statement then reads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from posts_service.fast.post_lists import list_by_authors, list_feeds
from posts_service.lists import AuthorsList, FeedList
from posts_service.tables.posts import delete_post, find_post, insert_post, update_post
from tests.support.epochs import note_place

PARTITIONS = 8
AUTHORS = 40
AUTHOR = 7  # one of them
MAX_ID = 2**63 - 1

Statement = Callable[[asyncpg.Connection], Awaitable[object]]


@pytest.fixture
async def partitioned(database: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to a partitioned table in place of ``posts``, with ten posts of each author."""
    await database.execute("CREATE SCHEMA partitioned")
    await database.execute("SET search_path TO partitioned, public")
    try:
        await database.execute(
            """
            CREATE TABLE posts (
                LIKE public.posts INCLUDING DEFAULTS INCLUDING IDENTITY, PRIMARY KEY (author_id, id)
            ) PARTITION BY HASH (author_id)
            """
        )
        for number in range(PARTITIONS):
            await database.execute(
                f"CREATE TABLE posts_{number} PARTITION OF posts "
                f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            )
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'posts'"
        for index in await database.fetch(f"{indexes} AND indexdef !~ 'UNIQUE'"):
            await database.execute(index["indexdef"].replace("public.", "partitioned."))
        await database.execute(
            "INSERT INTO posts (author_id, title, content, published) "
            "SELECT 1 + i % $1, 'Title', 'Text', i % 3 > 0 FROM generate_series(1, $1 * 10) AS i",
            AUTHORS,
        )
        await database.execute("ANALYZE posts")
        await note_place(database, "posts")
        yield database
    finally:
        await database.execute("RESET search_path")
        await database.execute("DROP SCHEMA partitioned CASCADE")


async def find_touched(connection: asyncpg.Connection, run: Statement) -> set[str]:
    """Return the partitions that a statement reads from or writes to."""
    async with connection.transaction():
        before = await _count_touches(connection)
        await run(connection)
        after = await _count_touches(connection)
    return {name for name in after if after[name] > before.get(name, 0)}


async def _count_touches(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch(
        """
        SELECT relname, seq_scan + coalesce(idx_scan, 0) + n_tup_ins AS touches
        FROM pg_stat_xact_user_tables WHERE schemaname = 'partitioned' AND relname <> 'posts'
        """
    )
    return {row["relname"]: row["touches"] for row in rows}


def ask_list(connection: Any, *, with_drafts: bool) -> Awaitable[object]:
    """Read a list of the author's."""
    return list_by_authors(connection, [AuthorsList(AUTHOR, MAX_ID, 20, with_drafts)])


BY_AUTHOR: dict[str, Callable[[Any, int], Awaitable[object]]] = {
    "own list": lambda c, _: ask_list(c, with_drafts=True),
    "another's list": lambda c, _: ask_list(c, with_drafts=False),
    "write": lambda c, _: insert_post(c, AUTHOR, "Title", "Text", published=True),
    "change": lambda c, post_id: update_post(c, post_id, AUTHOR, title="Other", content=None, published=None),
    "delete": lambda c, post_id: delete_post(c, post_id, AUTHOR),
}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("statement", BY_AUTHOR)
async def test_what_names_the_author_touches_one_partition(
    partitioned: asyncpg.Connection, statement: str, plan: str
) -> None:
    """A statement that names an author touches only that author's partition, with a cached plan or a new one."""
    await partitioned.execute(f"SET plan_cache_mode TO {plan}")
    one = await partitioned.fetchrow(
        "SELECT id, tableoid::regclass::text AS name FROM posts WHERE author_id = $1 LIMIT 1", AUTHOR
    )
    assert await find_touched(partitioned, lambda c: BY_AUTHOR[statement](c, one["id"])) == {one["name"]}


async def test_many_lists_touch_their_authors_partitions(partitioned: asyncpg.Connection) -> None:
    """Lists that share a query read the partitions of their authors, and no other."""
    own = await partitioned.fetch(
        "SELECT DISTINCT tableoid::regclass::text AS name FROM posts WHERE author_id IN (7, 8)"
    )

    async def run(connection: Any) -> object:
        return await list_by_authors(connection, [AuthorsList(each, MAX_ID, 20, with_drafts=True) for each in (7, 8)])

    assert await find_touched(partitioned, run) == {row["name"] for row in own}


async def test_what_names_no_author_asks_every_partition(partitioned: asyncpg.Connection) -> None:
    """A post by its id, and everyone's list, are searched in all partitions: the price that the document names."""
    post_id = await partitioned.fetchval("SELECT min(id) FROM posts")
    assert len(await find_touched(partitioned, lambda c: find_post(c, post_id))) == PARTITIONS
    assert len(await find_touched(partitioned, lambda c: list_feeds(c, [FeedList(MAX_ID, 20)]))) == PARTITIONS


async def test_lists_are_the_same_as_without(partitioned: asyncpg.Connection) -> None:
    """A partitioned table gives the same lists as an ordinary one."""
    asked = [AuthorsList(author, MAX_ID, 5, with_drafts=True) for author in range(1, AUTHORS + 1)]
    await partitioned.execute("INSERT INTO public.posts OVERRIDING SYSTEM VALUE SELECT * FROM posts")
    found = await list_by_authors(partitioned, asked)
    feed = await list_feeds(partitioned, [FeedList(MAX_ID, 50)])
    await partitioned.execute("SET search_path TO public")
    assert await list_by_authors(partitioned, asked) == found
    assert await list_feeds(partitioned, [FeedList(MAX_ID, 50)]) == feed
