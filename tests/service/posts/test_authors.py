"""Authors: known from the tokens they write with, asked for when unknown, and never a reason for a read to fail."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service import author_lookup
from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.service.posts.conftest import make_person
from tests.support.fake_auth_service import FakeAuthService, answer_with, break_off
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.services import posts_settings, running


@pytest.fixture
async def app(posts_database_url: str, fake_auth_service: FakeAuthService) -> AsyncIterator[Starlette]:
    """Give a posts service that has not yet asked anything, and an auth service that behaves and knows nobody."""
    fake_auth_service.reset()
    settings = posts_settings(posts_database_url, auth_service_url=fake_auth_service.url)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app
    fake_auth_service.reset()


async def insert_posts(database: asyncpg.Connection, *author_ids: int) -> None:
    """Store published posts of authors that nothing is known of."""
    for author_id in author_ids:
        await database.execute(
            "INSERT INTO posts (author_id, title, content, published) VALUES ($1, 'T', '', true)", author_id
        )


async def names_in_feed(client: httpx2.AsyncClient) -> list[str | None]:
    """Return the names of the authors in the feed, newest post first."""
    answer = await client.get("/api/posts?limit=100")
    assert answer.status_code == 200
    return [post["author"] and post["author"]["name"] for post in answer.json()]


async def test_an_unknown_author_is_asked_for_once(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService
) -> None:
    """Unknown authors are asked for in one call and stored; the next read asks nobody."""
    fake_auth_service.add(5, "Mary")
    fake_auth_service.add(6, "Dorothy")
    await insert_posts(database, 5, 6, 5)
    assert await names_in_feed(client) == ["Mary", "Dorothy", "Mary"]
    assert await names_in_feed(client) == ["Mary", "Dorothy", "Mary"]
    assert fake_auth_service.asked == [[5, 6]]
    assert await database.fetchval("SELECT count(*) FROM authors") == 2


async def test_more_unknown_authors_than_one_call_may_name_are_all_found(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService
) -> None:
    """A page of a hundred authors, and the one who begins the next page, are asked for in calls of a hundred."""
    for author_id in range(1, 102):
        fake_auth_service.add(author_id, f"User {author_id}")
    await insert_posts(database, *range(1, 102))
    assert await names_in_feed(client) == [f"User {author_id}" for author_id in range(101, 1, -1)]
    assert [len(ids) for ids in fake_auth_service.asked] == [100, 1]


async def test_one_post_is_completed_too(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService
) -> None:
    """Reading one post finds its author as a list does."""
    fake_auth_service.add(5, "Mary")
    await insert_posts(database, 5)
    assert (await client.get("/api/posts/1")).json()["author"] == {"name": "Mary"}


async def test_an_author_that_nobody_is_stays_open(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService
) -> None:
    """An author that the auth service does not know is null, and is not asked for at every read."""
    await insert_posts(database, 5)
    assert await names_in_feed(client) == [None]
    assert await names_in_feed(client) == [None]
    assert fake_auth_service.asked == [[5]]
    page = await client.get("/")
    assert page.status_code == 200


MISBEHAVIOURS: dict[str, Callable[[], bytes]] = {
    "closes the connection": break_off,
    "answers no HTTP": lambda: b"220 mail.example ESMTP\r\n",
    "answers 500": lambda: answer_with({"error": "no"}, "HTTP/1.1 500 Internal Server Error"),
    "refuses the token": lambda: answer_with({"error": "no"}, "HTTP/1.1 401 Unauthorized"),
    "answers no JSON": lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    "answers an object": lambda: answer_with({"users": []}),
    "answers other types": lambda: answer_with([{"id": "five", "name": None, "email": 7}]),
    "answers what can't be stored": lambda: answer_with([{"id": 5, "name": "NUL \0", "email": "x"}]),
}


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
async def test_reads_go_on_without_the_auth_service(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
    misbehaviour: str,
) -> None:
    """Whatever the auth service does, unknown authors are null, known ones are shown, and writing works."""
    fake_auth_service.misbehave = MISBEHAVIOURS[misbehaviour]
    await insert_posts(database, 5)
    await write_post(client, ada, published=True)
    assert await names_in_feed(client) == [ada.name, None]


async def test_a_failing_auth_service_is_left_in_peace(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a failure nothing is asked for a while, however many read; then the author is found."""
    monkeypatch.setattr(author_lookup, "REST", 0.3)
    calls = 0

    def fail() -> bytes:
        nonlocal calls
        calls += 1
        return break_off()

    fake_auth_service.misbehave = fail
    fake_auth_service.add(5, "Mary")
    await insert_posts(database, 5)
    await asyncio.gather(*(names_in_feed(client) for _ in range(10)))
    assert calls == 1
    fake_auth_service.misbehave = None
    assert await names_in_feed(client) == [None]
    await asyncio.sleep(0.35)
    assert await names_in_feed(client) == ["Mary"]


async def test_readers_at_once_ask_once(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService
) -> None:
    """Ten readers at once that miss the same author make one call, and all see the name. Eight rounds, each anew."""
    fake_auth_service.pause = 0.1
    names: list[str | None] = []
    for number in range(8):
        fake_auth_service.add(5 + number, f"Mary {number}")
        await insert_posts(database, 5 + number)
        names.append(f"Mary {number}")
        for seen in await asyncio.gather(*(names_in_feed(client) for _ in range(10))):
            assert sorted(map(str, seen)) == names
        assert len(fake_auth_service.asked) == number + 1


async def test_a_slow_auth_service_holds_nobody_up_for_long(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A read waits a bounded time for a name, then goes on without it; the next does not wait at all."""
    monkeypatch.setattr(author_lookup, "MAX_WAIT", 0.2)
    fake_auth_service.pause = 1.0
    await insert_posts(database, 5)
    started = time.monotonic()
    assert await asyncio.gather(*(names_in_feed(client) for _ in range(10))) == [[None]] * 10
    assert await names_in_feed(client) == [None]
    assert time.monotonic() - started < 0.9


async def test_the_memory_of_the_lookup_is_bounded(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    monkeypatch: pytest.MonkeyPatch,
    app: Starlette,
) -> None:
    """However many unknown authors are read about, only so many are remembered."""
    monkeypatch.setattr(author_lookup, "MAX_REMEMBERED", 5)
    for author_id in range(10, 30):
        await database.execute("DELETE FROM posts")
        await insert_posts(database, author_id)
        await names_in_feed(client)
    assert len(fake_auth_service.asked) == 20
    assert len(app.state.parts.author_lookup._answers) <= 6  # noqa: SLF001 - nothing else tells its size


async def test_a_newer_token_renames_the_author_and_an_older_one_does_not(client: httpx2.AsyncClient) -> None:
    """The name in the newest token counts on all posts; writing with an older token does not bring the old one back."""
    now = int(time.time())
    older, newer = make_person(1, "Ada", iat=now - 60, exp=now + 600), make_person(1, "Ada King")
    await write_post(client, older, published=True)
    assert await names_in_feed(client) == ["Ada"]
    await client.patch("/api/posts/1", json={"title": "Changed"}, headers=newer.bearer)
    assert await names_in_feed(client) == ["Ada King"]
    post = await write_post(client, older, published=True)
    assert post["author"] == {"email": "ada@example.com", "name": "Ada King"}
    assert await names_in_feed(client) == ["Ada King", "Ada King"]
