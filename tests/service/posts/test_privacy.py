"""Public answers name authors without e-mail addresses; those that need a token give both."""

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import build_routes
from posts_service.fast.post_lists import SHORT
from tests.service.posts.conftest import make_person
from tests.support.people import Person
from tests.support.posts import write_post

NAME, PLANTED = "Planted Author", "planted@private.example"
WITH_ADDRESS = {"name": NAME, "email": PLANTED}
PUBLIC = {"name": NAME}


@pytest.fixture
def author() -> Person:
    """Give somebody whose e-mail address must not leak."""
    person = make_person(7, NAME, email=PLANTED)
    return Person(person.id, NAME, PLANTED, person.token)


async def test_no_public_answer_holds_an_address(client: httpx2.AsyncClient, author: Person) -> None:
    """Whatever an anonymous caller requests, no e-mail address is in any body or header, not even for long posts."""
    await write_post(client, author, title="Short", published=True)
    await write_post(client, author, title="Long", content="x" * (SHORT + 1), published=True)
    paths = {route.path.replace("{id}", post) for route in build_routes() for post in ("1", "2", "7")}
    found_the_author = set()
    for path in sorted({*paths, "/api/posts?limit=1"}):
        for accept in ("application/json", "text/html"):
            answer = await client.get(path, headers={"accept": accept})
            everything = answer.text + str(answer.headers.multi_items())
            assert PLANTED not in everything, path
            assert "private.example" not in everything, path
            if NAME in everything:
                found_the_author.add(path)
    assert found_the_author >= {"/", "/posts/1", "/posts/2", "/api/posts", "/api/posts/1", "/api/posts/2"}


async def test_a_public_author_is_a_name_for_everyone(
    client: httpx2.AsyncClient, author: Person, grace: Person
) -> None:
    """``GET /api/posts`` and a published post are the same for all readers, including the author: ``{name}``."""
    await write_post(client, author, published=True)
    for headers in ({}, grace.bearer, author.bearer):
        one, listed = await client.get("/api/posts/1", headers=headers), await client.get("/api/posts", headers=headers)
        assert one.json()["author"] == PUBLIC
        assert [post["author"] for post in listed.json()] == [PUBLIC]
        assert one.json() == listed.json()[0]
        assert list(one.json()) == list(listed.json()[0]), "in the same order, byte for byte"


async def test_where_a_token_is_required_the_address_is_there(
    client: httpx2.AsyncClient, author: Person, grace: Person
) -> None:
    """``GET /api/user/{id}``, a draft, and the answers to an author's writes have ``{email, name}``."""
    written = await client.post("/api/posts", json={"title": "One"}, headers=author.bearer)
    draft = await client.get("/api/posts/1", headers=author.bearer)
    changed = await client.patch("/api/posts/1", json={"published": True}, headers=author.bearer)
    assert written.json()["author"] == draft.json()["author"] == changed.json()["author"] == WITH_ADDRESS
    [listed] = (await client.get("/api/user/7", headers=grace.bearer)).json()
    assert listed["author"] == WITH_ADDRESS
    assert all(answer.headers["cache-control"] == "no-store" for answer in (written, draft, changed))


async def test_each_shape_has_a_tag_of_its_own(client: httpx2.AsyncClient, author: Person) -> None:
    """The two shapes of a post have different entity tags: neither is ever taken for the other (RFC 9110, 8.8.3)."""
    written = await client.post("/api/posts", json={"title": "One", "published": True}, headers=author.bearer)
    shown = await client.get("/api/posts/1")
    assert written.headers["etag"] != shown.headers["etag"]
    stale = await client.get("/api/posts/1", headers={"if-none-match": written.headers["etag"]})
    assert (stale.status_code, stale.json()["author"]) == (200, PUBLIC)
    fresh = await client.get("/api/posts/1", headers={"if-none-match": shown.headers["etag"]})
    assert fresh.status_code == 304


@pytest.mark.parametrize("is_public", [True, False])
async def test_a_post_is_changed_by_the_tag_of_either_shape(
    client: httpx2.AsyncClient, author: Person, *, is_public: bool
) -> None:
    """``If-Match`` matches any current representation, read or written (RFC 9110, 13.1.1), and no older one."""
    written = await client.post("/api/posts", json={"title": "One", "published": True}, headers=author.bearer)
    tag = ((await client.get("/api/posts/1")) if is_public else written).headers["etag"]
    condition = author.bearer | {"if-match": tag}
    assert (await client.patch("/api/posts/1", json={"title": "Two"}, headers=condition)).status_code == 200
    assert (await client.patch("/api/posts/1", json={"title": "Three"}, headers=condition)).status_code == 412


async def test_the_release_before_still_finds_its_functions(app: Starlette, database: asyncpg.Connection) -> None:
    """During a rolling upgrade the previous release still calls ``json_author`` with name and e-mail address."""
    del app
    assert await database.fetchval("SELECT json_author('A', 'a@b.example')") == '{"email":"a@b.example","name":"A"}'
