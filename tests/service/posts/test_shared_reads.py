"""Lists read by shared queries, on a real PostgreSQL: fresh to the last write, and separate for each reader."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import TypeVar

import asyncpg
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from posts_service.app import create_app
from posts_service.fast.post_lists import list_by_authors, list_feeds
from posts_service.lists import AuthorsList, FeedList
from posts_service.tables.posts import Post, find_post
from posts_service.web.answers import post_answer
from shared.observing.metrics import Metrics
from shared.postgres import database as door
from shared.postgres.database import Connection
from shared.web.deadline import DeadlineMiddleware
from tests.service.posts.conftest import make_person
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.services import posts_settings, running
from tests.support.waiting import wait_until

Value = TypeVar("Value")

PATIENCE = 60  # seconds
WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%author_id%'
    AND pid <> ALL($1::int[])
"""
"""Queries of lists; the watch for lost ids, which reads the same table, names no author."""
CONTENTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
MOMENTS = [
    "2026-11-24 12:00:00Z",
    "2026-11-24 12:00:00.5+09",
    "1999-12-31 23:59:59.999999Z",
    "2026-01-02 03:04:05.00001Z",
]


@pytest.fixture
async def app(posts_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Starlette]:
    """Give a posts service that waits for a lock as long as a test may hold it on a slow machine."""
    monkeypatch.setattr(DeadlineMiddleware.__init__, "__defaults__", (PATIENCE,))
    monkeypatch.setattr(door, "COMMAND_TIMEOUT", PATIENCE)
    for name in ("lock_timeout", "statement_timeout"):
        monkeypatch.setitem(door._SERVER_SETTINGS, name, str(PATIENCE * 1000))  # noqa: SLF001 - as said
    async with running(create_app(posts_settings(posts_database_url), Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@contextlib.asynccontextmanager
async def posts_locked(database: asyncpg.Connection) -> AsyncIterator[None]:
    """Make every query of posts wait until the block ends."""
    async with database.transaction():
        await database.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
        yield


async def begin(*readings: Coroutine[object, object, Value]) -> "list[asyncio.Task[Value]]":
    """Start to read, all at once, and return when the requests have come as far as they can."""
    tasks = [asyncio.get_running_loop().create_task(reading) for reading in readings]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


async def wait_for_query(database: asyncpg.Connection, others: Sequence[int] = ()) -> int:
    """Return the process whose query waits for the lock, once there is one besides ``others``."""

    async def find() -> int | None:
        await database.execute("SELECT pg_stat_clear_snapshot()")  # otherwise a transaction would see nothing new
        pid: int | None = await database.fetchval(WAITING, list(others))
        return pid

    pid = await wait_until(find, lambda pid: pid is not None)
    assert isinstance(pid, int)
    return pid


async def list_titles(client: httpx2.AsyncClient, author: Person, reader: Person) -> list[str]:
    """Return the titles of an author's posts as a reader sees them."""
    answer = await client.get(f"/api/user/{author.id}?limit=100", headers=reader.bearer)
    assert answer.status_code == 200, answer.text
    return [post["title"] for post in answer.json()]


async def list_status(client: httpx2.AsyncClient, author: Person) -> int:
    """Return the status that the author gets for their own posts."""
    return (await client.get(f"/api/user/{author.id}", headers=author.bearer)).status_code


async def test_a_caller_always_sees_their_own_write(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """While others read the same list all the time, a post just written is on the list that its author reads."""
    is_done = False

    async def read_on() -> int:
        count = 0
        while not is_done:
            await list_titles(client, ada, ada)
            await list_titles(client, ada, grace)
            count += 1
        return count

    readers = [asyncio.create_task(read_on()) for _ in range(8)]
    for number in range(30):
        await write_post(client, ada, title=str(number), published=True)
        assert (await list_titles(client, ada, ada))[0] == str(number)
        assert (await list_titles(client, ada, grace))[0] == str(number)
        answer = await client.get("/api/posts?limit=1")
        assert answer.json()[0]["title"] == str(number)
    is_done = True
    assert all(count > 0 for count in await asyncio.gather(*readers))


async def test_a_read_that_comes_while_a_query_runs_is_not_answered_by_it(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person
) -> None:
    """A post that is stored while the same list is being read is on a list requested afterwards."""
    await write_post(client, ada, title="before")
    async with posts_locked(database):
        [early] = await begin(list_titles(client, ada, ada))
        await wait_for_query(database)
        await database.execute("UPDATE posts SET title = 'after'")
        [late] = await begin(list_titles(client, ada, ada))
    assert await late == ["after"]
    assert await early in (["before"], ["after"])


async def test_drafts_stay_with_their_author_though_a_query_is_shared(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person, grace: Person
) -> None:
    """An author and others who read the same list in one query each get their own: drafts go to nobody else."""
    for author in (ada, grace):
        await write_post(client, author, title=f"published by {author.id}", published=True)
        await write_post(client, author, title=f"draft by {author.id}")
    async with posts_locked(database):
        [first] = await begin(list_titles(client, make_person(3, "Mary"), ada))
        await wait_for_query(database)
        pairs = [(author, reader) for author in (ada, grace) for reader in (ada, grace)]
        reads = await begin(*(list_titles(client, author, reader) for author, reader in pairs))
    assert await first == []
    for (author, reader), read in zip(pairs, reads, strict=True):
        drafts = [f"draft by {author.id}"] if author is reader else []
        assert await read == [*drafts, f"published by {author.id}"]


async def test_pages_and_limits_are_each_askers_own(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person
) -> None:
    """Readers who share a query each get the number of posts, and the next page, that they requested."""
    for number in range(5):
        await write_post(client, ada, title=str(number), published=True)
    first = await client.get(f"/api/user/{ada.id}?limit=2", headers=ada.bearer)
    paths = [f"/api/user/{ada.id}?limit={limit}" for limit in (1, 3, 5, 100)] + [first.links["next"]["url"]]
    alone = [await client.get(path, headers=ada.bearer) for path in paths]
    async with posts_locked(database):
        [opening] = await begin(client.get(f"/api/user/{ada.id}", headers=ada.bearer))
        await wait_for_query(database)
        together = await begin(*(client.get(path, headers=ada.bearer) for path in paths))
    for before, after in zip(alone, together, strict=True):
        assert (await after).content == before.content
        assert (await after).headers.get("link") == before.headers.get("link")
    assert (await opening).status_code == 200


async def test_who_leaves_leaves_the_others_alone(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person, grace: Person
) -> None:
    """Readers who are cancelled, while their query runs or before it, take nothing from those that share it."""
    await write_post(client, ada, title="by ada")
    await write_post(client, grace, title="by grace")
    async with posts_locked(database):
        asked = await begin(*(list_titles(client, ada, ada) for _ in range(2)))
        await wait_for_query(database)
        gathered = await begin(*(list_titles(client, person, person) for person in (ada, grace, ada, grace)))
        for leaving in (asked[0], *gathered[:2]):
            leaving.cancel()
    assert await asked[1] == ["by ada"]
    assert await gathered[2] == ["by ada"]
    assert await gathered[3] == ["by grace"]
    for leaving in (asked[0], *gathered[:2]):
        with pytest.raises(asyncio.CancelledError):
            await leaving


@pytest.mark.only_fast
async def test_an_error_reaches_those_who_shared_it_and_nobody_else(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person, grace: Person
) -> None:
    """When the server ends a query all who shared it get 503; those of other queries are answered."""
    async with posts_locked(database):
        [early] = await begin(list_status(client, ada))
        untouched = await wait_for_query(database)
        sharing = await begin(*(list_status(client, person) for person in (ada, grace, ada)))
        ended = await wait_for_query(database, [untouched])
        [late] = await begin(list_status(client, ada))
        await database.execute("SELECT pg_cancel_backend($1)", ended)
        assert [await one for one in sharing] == [503, 503, 503]
    assert (await early, await late) == (200, 200)
    assert await list_status(client, ada) == 200


async def assert_lists_are_joined_posts(app: Starlette, client: httpx2.AsyncClient, author: Person) -> None:
    """Check that both lists are, byte for byte, the author's posts as each is shown alone: in public, or as written."""
    own = await client.get(f"/api/user/{author.id}", headers=author.bearer)
    alone = [await client.get(f"/api/posts/{post['id']}") for post in own.json()]
    assert (await client.get("/api/posts")).content == b"[" + b",".join(answer.content for answer in alone) + b"]"
    async with app.state.parts.database.connection() as connection:
        written = [post_answer(await get_post(connection, post["id"])) for post in own.json()]
    assert own.content == b"[" + b",".join(answer.body for answer in written) + b"]"


async def get_post(connection: Connection, post_id: int) -> Post:
    """Return a post that exists."""
    post = await find_post(connection, post_id)
    assert post is not None
    return post


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENTS)
async def test_the_json_of_a_list_is_that_of_its_posts(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person, content: str
) -> None:
    """Whatever a post contains, a list writes it exactly as the post alone is written, whichever code writes it."""
    await database.execute("DELETE FROM posts; DELETE FROM authors")
    await write_post(client, ada, title='"quotes" and \\ and é', content=content, published=True)
    await assert_lists_are_joined_posts(app, client, ada)


async def test_times_and_authors_are_written_in_one_form_too(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person
) -> None:
    """So are times with and without fractions, and authors who are unknown or have quotes in their names."""
    for moment in MOMENTS:
        post = await write_post(client, ada, content="".join(map(chr, range(1, 256))), published=True)
        await database.execute("UPDATE posts SET created_at = $2::text::timestamptz WHERE id = $1", post["id"], moment)
    await assert_lists_are_joined_posts(app, client, ada)
    await database.execute("UPDATE authors SET name = $1", 'Ada "\\/" L\u2028\x7f')
    await assert_lists_are_joined_posts(app, client, ada)
    await database.execute("DELETE FROM authors")
    await assert_lists_are_joined_posts(app, client, ada)


async def test_one_plan_does_for_any_number_of_lists(app: Starlette, ada: Person) -> None:
    """PostgreSQL plans the query of lists a few times per connection and then no more, however many lists it reads."""
    async with app.state.parts.database.connection() as connection:
        for number in range(1, 16):
            await list_by_authors(connection, [AuthorsList(ada.id, 100, 10, with_drafts=True)] * number)
            await list_feeds(connection, [FeedList(100, 10)] * number)
        counts = await connection.fetch(
            "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE '%WITH ORDINALITY AS asked%'"
            " AND statement NOT LIKE '%pg_prepared_statements%'"
        )
    assert len(counts) == 2
    assert all(count["generic_plans"] > 0 for count in counts), "each run was planned anew"
