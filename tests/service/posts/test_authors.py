"""Authors: known by the tokens that they write with, and never a reason for a read to fail."""

import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.service.posts.conftest import make_person
from tests.support.fake_auth_service import FakeAuthService, answer_with, break_off
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.services import posts_settings, running


@pytest.fixture
async def app(posts_database_url: str, fake_auth_service: FakeAuthService) -> AsyncIterator[Starlette]:
    """Give a posts service of its own, and an auth service that behaves and knows nobody."""
    fake_auth_service.reset()
    settings = posts_settings(posts_database_url, auth_service_url=fake_auth_service.url)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app
    fake_auth_service.reset()


async def insert_posts(database: asyncpg.Connection, *author_ids: int) -> None:
    """Store published posts of unknown authors."""
    for author_id in author_ids:
        await database.execute(
            "INSERT INTO posts (author_id, title, content, published) VALUES ($1, 'T', '', true)", author_id
        )


async def names_in_feed(client: httpx2.AsyncClient) -> list[str | None]:
    """Return the names of the authors in the feed, newest post first."""
    answer = await client.get("/api/posts?limit=100")
    assert answer.status_code == 200
    return [post["author"] and post["author"]["name"] for post in answer.json()]


async def test_an_author_is_known_before_the_feed_tells(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService, ada: Person
) -> None:
    """A post is shown with its author at once, in lists and alone, although the feed has not named them."""
    fake_auth_service.cut = break_off
    post = await write_post(client, ada, published=True)
    assert post["author"] == {"email": ada.email, "name": ada.name}
    assert await names_in_feed(client) == [ada.name]
    assert (await client.get(f"/api/posts/{post['id']}")).json()["author"] == {"name": ada.name}


async def test_a_post_without_an_author_is_shown(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """An unknown author is null, in lists, alone and on a page."""
    await insert_posts(database, 5)
    assert await names_in_feed(client) == [None]
    assert (await client.get("/api/posts/1")).json()["author"] is None
    assert (await client.get("/")).status_code == 200


MISBEHAVIOURS: dict[str, Callable[[], bytes]] = {
    "closes the connection": break_off,
    "answers no HTTP": lambda: b"220 mail.example ESMTP\r\n",
    "answers 500": lambda: answer_with({"error": "no"}, "HTTP/1.1 500 Internal Server Error"),
    "refuses the token": lambda: answer_with({"error": "no"}, "HTTP/1.1 401 Unauthorized"),
    "answers no JSON": lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    "answers a list": lambda: answer_with([]),
    "answers other types": lambda: answer_with({"changes": 5, "last": "five"}),
    "answers what can't be stored": lambda: answer_with(
        {"changes": [{"id": 1, "kind": "created", "user": {"id": 5, "name": "NUL \0", "email": "x"}}], "last": 1}
    ),
}


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
async def test_reads_go_on_without_the_auth_service(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
    misbehaviour: str,
) -> None:
    """Whatever the auth service does, authors who wrote with a token are shown, others are null, and writing works."""
    fake_auth_service.cut = MISBEHAVIOURS[misbehaviour]
    await insert_posts(database, 5)
    await write_post(client, ada, published=True)
    assert await names_in_feed(client) == [ada.name, None]


async def test_a_newer_token_renames_the_author_and_an_older_one_does_not(client: httpx2.AsyncClient) -> None:
    """The name in the newest token applies to all posts; writing with an older one does not bring back the old name."""
    now = int(time.time())
    older, newer = make_person(1, "Ada", iat=now - 60, exp=now + 600), make_person(1, "Ada King")
    await write_post(client, older, published=True)
    assert await names_in_feed(client) == ["Ada"]
    await client.patch("/api/posts/1", json={"title": "Changed"}, headers=newer.bearer)
    assert await names_in_feed(client) == ["Ada King"]
    post = await write_post(client, older, published=True)
    assert post["author"] == {"email": "ada@example.com", "name": "Ada King"}
    assert await names_in_feed(client) == ["Ada King", "Ada King"]
