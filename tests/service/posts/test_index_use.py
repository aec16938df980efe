"""What the statements of lists read among many rows: they use indexes, and never scan a table."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from posts_service.fast.post_lists import list_by_authors, list_feeds, list_long_by_author, list_long_feed
from posts_service.lists import AuthorsList, FeedList
from posts_service.tables.posts import find_post
from shared.tokens.signed import MAX_ID

AUTHORS = 2_000
POSTS = 40_000  # of which a planner that can't see a limit expects to read a tenth

Statement = Callable[[Any], Awaitable[object]]

STATEMENTS: dict[str, Statement] = {
    "everyone's list": lambda c: list_feeds(c, [FeedList(MAX_ID, 20)]),
    "everyone's list, deep": lambda c: list_feeds(c, [FeedList(POSTS // 10, 20)]),
    "an author's list": lambda c: list_by_authors(c, [AuthorsList(7, MAX_ID, 20, with_drafts=False)]),
    "one's own list": lambda c: list_by_authors(c, [AuthorsList(7, MAX_ID, 20, with_drafts=True)]),
    "everyone's list of long posts": lambda c: list_long_feed(c, [FeedList(MAX_ID, 20)]),
    "an author's list of long posts": lambda c: list_long_by_author(c, [AuthorsList(7, MAX_ID, 20, with_drafts=False)]),
    "one's own list of long posts": lambda c: list_long_by_author(c, [AuthorsList(7, MAX_ID, 20, with_drafts=True)]),
    "one post": lambda c: find_post(c, POSTS // 2),
}


@pytest.fixture
async def filled(database: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to a database with many authors and posts, and statistics about them."""
    await database.execute(
        "INSERT INTO authors (id, name, email, as_of) SELECT i, 'Name', 'name@example.com', now() "
        "FROM generate_series(1, $1::int) AS i",
        AUTHORS,
    )
    await database.execute(
        "INSERT INTO posts (author_id, title, content, published) "
        "SELECT 1 + i % $1, 'Title', 'Text', i % 3 > 0 FROM generate_series(1, $2::int) AS i",
        AUTHORS,
        POSTS,
    )
    await database.execute("INSERT INTO removals (author_id) SELECT 2 * i FROM generate_series(1, 20) AS i")
    await database.execute("ANALYZE authors, posts, removals")
    yield database
    await database.execute("DELETE FROM authors; DELETE FROM removals; DELETE FROM posts")
    await database.execute("ANALYZE authors, posts, removals")


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_lists_read_no_table_from_end_to_end(filled: asyncpg.Connection, statement: str, plan: str) -> None:
    """A statement that reads some posts finds them and their authors by index, with a cached plan or a new one."""
    await filled.execute(f"SET plan_cache_mode TO {plan}")
    async with filled.transaction():
        before = await count_scans(filled)
        await STATEMENTS[statement](filled)
        assert await count_scans(filled) == before


async def count_scans(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how often this connection scanned each table."""
    rows = await connection.fetch(
        "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname IN ('posts', 'authors')"
    )
    return {row["relname"]: row["seq_scan"] for row in rows}
