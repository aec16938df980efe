"""Deleted authors: gone for every reader at once, however much they wrote; housekeeping then deletes it in bites."""

import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.housekeeping import build_chores
from shared.postgres.housekeeping import BITE, Housekeeping
from tests.service.posts.test_sync import FEED_OF_ALL, list_authors, wait_for_position
from tests.support.epochs import truncate
from tests.support.fake_auth_service import FakeAuthService
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.rows_read import watch_readings

MANY = 20 * BITE
KEY = {"Idempotency-Key": "k"}
FILL = """
    INSERT INTO posts (author_id, title, content, published)
    SELECT $1::bigint, 'Title', repeat('x', 1000), true FROM generate_series(1, $2::int)
"""


@pytest.fixture
async def housekeeping(app: Starlette) -> AsyncIterator[Housekeeping]:
    """Give the service's housekeeping, which does not run by itself."""
    housekeeping: Housekeeping = app.state.server.housekeeping
    await housekeeping.stop()
    yield housekeeping
    housekeeping.start()


@pytest.fixture
async def held(client: httpx2.AsyncClient, ada: Person, posts_database_url: str) -> AsyncIterator[None]:
    """Lock everything that Ada wrote, so that none of it can be deleted for now."""
    for published in (True, False):
        await write_post(client, ada, published=published)
    await client.post("/api/posts", json={"title": "Once"}, headers=ada.bearer | KEY)
    holder = await asyncpg.connect(posts_database_url)
    async with holder.transaction():
        await holder.execute("SELECT FROM posts, idempotency_keys FOR UPDATE")
        yield
    await holder.close()


@pytest.mark.usefixtures("held")
async def test_a_deletion_does_not_hold_up_the_feed(
    database: asyncpg.Connection, fake_auth_service: FakeAuthService, ada: Person, grace: Person
) -> None:
    """Rows that can't be deleted just now hold up nobody: the feed goes on, and later changes arrive."""
    fake_auth_service.tell("deleted", ada.id)
    fake_auth_service.tell("renamed", grace.id, "Grace Murray Hopper")
    await wait_for_position(database, 2)
    assert await list_authors(database) == {ada.id: None, grace.id: "Grace Murray Hopper"}


@pytest.mark.usefixtures("held")
async def test_nothing_of_who_is_deleted_can_be_read(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
    grace: Person,
) -> None:
    """Once the deletion is in the feed, no list, page or single post shows what they wrote, not even to themselves."""
    newest = (await write_post(client, grace, published=True))["id"]
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_position(database, 1)
    assert await database.fetchval("SELECT count(*) FROM posts WHERE author_id = $1", ada.id) == 3
    page = (await client.get("/")).text
    assert [post["authorId"] for post in (await client.get(FEED_OF_ALL)).json()] == [grace.id]
    assert (f"/posts/{newest}" in page, "/posts/1" in page) == (True, False)
    for person in (ada, grace):
        assert (await client.get(f"/api/user/{ada.id}", headers=person.bearer)).json() == []
        for path in ("/api/posts/1", "/api/posts/2", "/posts/1", "/posts/2"):
            assert (await client.get(path, headers=person.bearer)).status_code == 404


@pytest.mark.usefixtures("held")
async def test_nothing_of_who_is_deleted_can_be_changed(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService, ada: Person
) -> None:
    """A token that outlives its user changes nothing, deletes nothing, and gets no earlier answer again."""
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_position(database, 1)
    assert (await client.patch("/api/posts/1", json={"title": "T"}, headers=ada.bearer)).status_code == 404
    assert (await client.delete("/api/posts/1", headers=ada.bearer)).status_code == 404
    again = await client.post("/api/posts", json={"title": "Once"}, headers=ada.bearer | KEY)
    assert again.status_code == 401


async def test_any_number_of_posts_is_deleted_in_bites(
    client: httpx2.AsyncClient,
    housekeeping: Housekeeping,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
    grace: Person,
) -> None:
    """Twenty thousand posts and keys of one author go, newest first, no transaction taking more than a bite."""
    await database.execute(FILL, ada.id, MANY)
    await database.execute(
        "INSERT INTO idempotency_keys (author_id, key, fingerprint, status, headers, body) "
        "SELECT $1::bigint, i::text, '', 201, '{}', '' FROM generate_series(1, $2::int) AS i",
        ada.id,
        MANY,
    )
    await write_post(client, grace, published=True)
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_position(database, 1)
    assert await housekeeping.take_bites()
    assert await database.fetchval("SELECT count(*) FROM posts") == 1 + MANY - BITE
    assert await database.fetchval("SELECT min(id) FROM posts WHERE author_id = $1", ada.id) == 1
    await housekeeping.finish()
    left = [await database.fetchval(f"SELECT count(*) FROM {table}") for table in ("posts", "idempotency_keys")]  # noqa: S608
    assert (left, await database.fetchval("SELECT count(*) FROM removals")) == ([1, 0], 0)


async def test_expired_keys_are_deleted_in_bites(housekeeping: Housekeeping, database: asyncpg.Connection) -> None:
    """A day's keys are cleared away in bites, and those that still count are kept."""
    await database.execute(
        "INSERT INTO idempotency_keys (author_id, key, fingerprint, status, headers, body, created_at) "
        "SELECT 1, i::text, '', 201, '{}', '', now() - interval '1 hour' * CASE WHEN i > 3 THEN 25 ELSE 1 END "
        "FROM generate_series(1, $1::int) AS i",
        MANY,
    )
    assert await housekeeping.take_bites()
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == MANY - BITE // 10
    await housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 3


async def test_long_posts_go_a_few_at_a_time(
    housekeeping: Housekeeping, database: asyncpg.Connection, fake_auth_service: FakeAuthService, ada: Person
) -> None:
    """A bite is also bounded by the bytes that it deletes: of posts of maximum length, it takes only some."""
    await database.execute(
        "INSERT INTO posts (author_id, title, content, published) "
        "SELECT $1::bigint, 'Title', repeat('x', 100000), true FROM generate_series(1, 500)",
        ada.id,
    )
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_position(database, 1)
    assert await housekeeping.take_bites()
    assert await database.fetchval("SELECT count(*) FROM posts") == 500 - 101
    await housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM posts") == 0


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("chore", ["removals", "removals that are done", "idempotency_keys"])
async def test_a_bite_is_found_by_index(database: asyncpg.Connection, chore: str, plan: str) -> None:
    """Among any number of rows to be kept, a bite reads only those that it takes, and scans no large table."""
    tables = ("posts", "idempotency_keys")
    for author_id, many, age in ((1, MANY, "25 hours"), (2, 4 * MANY, "1 hour")):
        await database.execute(
            "INSERT INTO posts (author_id, title, content, published) "
            "SELECT $1::bigint, 'Title', 'Text', true FROM generate_series(1, $2::int)",
            author_id,
            many,
        )
        await database.execute(
            "INSERT INTO idempotency_keys (author_id, key, fingerprint, status, headers, body, created_at) "
            "SELECT $1::bigint, i::text, '', 201, '{}', '', now() - $3::text::interval "
            "FROM generate_series(1, $2::int) AS i",
            author_id,
            many,
            age,
        )
    await database.execute("INSERT INTO removals (author_id) VALUES (1)")
    await database.execute("ANALYZE posts, idempotency_keys, removals")
    if chore == "removals that are done":
        await database.execute(
            "DELETE FROM posts WHERE author_id = 1; DELETE FROM idempotency_keys WHERE author_id = 1"
        )
    await database.execute(f"SET plan_cache_mode TO {plan}")
    bite, readings = await watch_readings(
        database,
        lambda: build_chores(dt.timedelta(days=1), dt.timedelta(days=400))[chore.removesuffix(" that are done")](
            database, BITE
        ),
        *tables,
    )
    await truncate(database, "posts, idempotency_keys, removals")
    await database.execute("ANALYZE posts, idempotency_keys, removals")
    assert (bite.has_more, [reading.scans for reading in readings]) == (True, [0, 0])
    assert sum(reading.rows for reading in readings) <= 3 * bite.rows
    assert bite.rows <= BITE + BITE // 10
