"""Writing, changing and deleting posts through the API, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.epochs import note_restart
from tests.support.people import Person
from tests.support.posts import as_public, write_post

PATH = "/api/posts"
WORDS = "안녕하세요 👨‍👩‍👧 <b>&amp;</b> 'quoted' \"twice\" \\ \u3000wide"


async def test_a_new_post_is_answered_where_it_is(client: httpx2.AsyncClient, ada: Person) -> None:
    """Writing returns 201 with the post, its address and its entity tag; reading it there gives the same post."""
    created = await client.post(PATH, json={"title": "Hello", "content": "x", "published": True}, headers=ada.bearer)
    assert created.status_code == 201
    shown = await client.get(created.headers["location"])
    assert shown.json() == as_public(created.json())
    draft = await client.post(PATH, json={"title": "Hello"}, headers=ada.bearer)
    shown = await client.get(draft.headers["location"], headers=ada.bearer)
    assert (shown.content, shown.headers["etag"]) == (draft.content, draft.headers["etag"])


async def test_only_the_title_is_required(client: httpx2.AsyncClient, ada: Person) -> None:
    """Content is empty and nothing is published unless the request says so."""
    post = await write_post(client, ada, title="Hello")
    assert (post["content"], post["published"]) == ("", False)


@pytest.mark.parametrize("content", [WORDS, "\r\n\tone\rtwo\n\n ", "x" * 100_000, "\u0001\ufeff\u202e\U0010ffff"])
async def test_texts_come_back_byte_for_byte(client: httpx2.AsyncClient, ada: Person, content: str) -> None:
    """Texts come back unchanged: nothing trimmed, normalised or escaped."""
    post = await write_post(client, ada, title=f" {WORDS} ", content=content)
    shown = (await client.get(f"{PATH}/{post['id']}", headers=ada.bearer)).json()
    assert (shown["title"], shown["content"]) == (f" {WORDS} ", content)


@pytest.mark.parametrize(
    ("members", "faulty"),
    [
        ({}, {"title"}),
        ({"title": ""}, {"title"}),
        ({"title": " \u3000"}, {"title"}),
        ({"title": "x" * 201}, {"title"}),
        ({"title": "two\nlines"}, {"title"}),
        ({"title": 7, "content": None, "published": "yes"}, {"title", "content", "published"}),
        ({"title": "x", "content": "x" * 100_001}, {"content"}),
        ({"title": "x", "content": "NUL \0"}, {"content"}),
        ({"title": "x", "published": 1}, {"published"}),
        ({"title": "x", "authorId": 2}, {"authorId"}),
        ({"title": "x", "author_id": 2, "id": 3}, {"author_id", "id"}),
    ],
)
async def test_a_wrong_post_is_refused_by_member(
    client: httpx2.AsyncClient, ada: Person, members: dict[str, object], faulty: set[str]
) -> None:
    """An invalid post is 422, with each wrong member named, and nothing is stored."""
    answer = await client.post(PATH, json=members, headers=ada.bearer)
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == faulty
    assert (await client.get(f"/api/user/{ada.id}", headers=ada.bearer)).json() == []


async def test_lone_surrogates_are_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """Half a surrogate pair, which UTF-8 can't encode, is 422, as a value and as a name."""
    for body in (b'{"title": "\\ud800"}', b'{"title": "x", "\\udfff": 1}'):
        answer = await client.post(PATH, content=body, headers=ada.bearer | {"content-type": "application/json"})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"title": NaN}', b"\xff", b'{"title": "a", "title": "b"}', b"[" * 100_000, b'{"title": 1e999}'],
)
async def test_what_is_not_json_is_refused(client: httpx2.AsyncClient, ada: Person, body: bytes) -> None:
    """A body that is not strict JSON in UTF-8 is 400."""
    answer = await client.post(PATH, content=body, headers=ada.bearer | {"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_other_media_types_are_refused(client: httpx2.AsyncClient, ada: Person, media_type: str) -> None:
    """A body that is not declared as JSON is 415: no form on another site can write here."""
    answer = await client.post(PATH, content=b'{"title": "x"}', headers=ada.bearer | {"content-type": media_type})
    assert answer.status_code == 415


async def test_a_body_over_256_kib_is_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """A body over 256 KiB is 413, whether it declares its length or comes in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    whole = await client.post(PATH, content=b" " * 262_145, headers=ada.bearer | {"content-type": "application/json"})
    cut = await client.post(PATH, content=pieces(), headers=ada.bearer | {"content-type": "application/json"})
    assert (whole.status_code, cut.status_code) == (413, 413)


@pytest.mark.parametrize("change", [{"title": "New"}, {"content": "New"}, {"published": True}, {"content": ""}])
async def test_a_change_leaves_the_rest_alone(
    client: httpx2.AsyncClient, ada: Person, change: dict[str, object]
) -> None:
    """PATCH changes the members that it names and the time of the last change, nothing else."""
    post = await write_post(client, ada, title="Old", content="Old")
    answer = await client.patch(f"{PATH}/{post['id']}", json=change, headers=ada.bearer)
    assert answer.status_code == 200
    changed = answer.json()
    assert changed.pop("updatedAt") > post.pop("updatedAt")
    assert changed == post | change


@pytest.mark.parametrize(
    "change", [b"{}", b'{"title": null}', b'{"title": ""}', b'{"unknown": 1}', b"[]", b"null", b'"x"']
)
async def test_a_wrong_change_is_refused(client: httpx2.AsyncClient, ada: Person, change: bytes) -> None:
    """A change of nothing, to null, or of an unknown member is 422, and the post stays as it is."""
    post = await write_post(client, ada)
    headers = ada.bearer | {"content-type": "application/json"}
    answer = await client.patch(f"{PATH}/{post['id']}", content=change, headers=headers)
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) <= {"body", "title", "unknown"}
    assert (await client.get(f"{PATH}/{post['id']}", headers=ada.bearer)).json() == post


@pytest.mark.parametrize(("published", "status"), [(True, 403), (False, 404)])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_only_the_author_changes_a_post(
    client: httpx2.AsyncClient, ada: Person, grace: Person, method: str, status: int, *, published: bool
) -> None:
    """For others a published post is 403 and a draft 404, whatever condition they send."""
    post = await write_post(client, ada, published=published)
    for condition in ({}, {"if-match": '"x"'}, {"if-match": "*"}):
        headers = grace.bearer | {"content-type": "application/json"} | condition
        answer = await client.request(method, f"{PATH}/{post['id']}", content=b'{"title": "Mine"}', headers=headers)
        assert answer.status_code == status
    kept = await client.get(f"{PATH}/{post['id']}", headers=ada.bearer)
    assert kept.json() == (as_public(post) if published else post)


async def test_a_deleted_post_is_gone(client: httpx2.AsyncClient, ada: Person) -> None:
    """Deleting returns 204 without a body; afterwards the post can't be read, changed or deleted."""
    post = await write_post(client, ada, published=True)
    path = f"{PATH}/{post['id']}"
    answer = await client.delete(path, headers=ada.bearer)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(path)).status_code == 404
    assert (await client.patch(path, json={"title": "x"}, headers=ada.bearer)).status_code == 404
    assert (await client.delete(path, headers=ada.bearer)).status_code == 404


async def test_ids_are_not_given_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """A deleted post's id is never given to another post."""
    first = await write_post(client, ada)
    await client.delete(f"{PATH}/{first['id']}", headers=ada.bearer)
    assert (await write_post(client, ada))["id"] != first["id"]


async def test_a_change_of_status_is_seen_at_once(client: httpx2.AsyncClient, ada: Person) -> None:
    """An unpublished post no longer exists for others."""
    post = await write_post(client, ada, published=True)
    await client.patch(f"{PATH}/{post['id']}", json={"published": False}, headers=ada.bearer)
    assert (await client.get(f"{PATH}/{post['id']}")).status_code == 404
    assert (await client.get(PATH)).json() == []


async def test_a_locked_post_is_503_and_not_a_fault(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """If the post stays locked for longer than we wait, the answer is 503 with Retry-After."""
    post = await write_post(client, ada)
    async with database.transaction():
        await database.execute("SELECT id FROM posts WHERE id = $1 FOR UPDATE", post["id"])
        answer = await client.patch(f"{PATH}/{post['id']}", json={"title": "x"}, headers=ada.bearer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["title", "content", "published", "x"]), st.none() | st.booleans() | st.text()))
async def test_no_body_breaks_the_service(client: httpx2.AsyncClient, ada: Person, members: dict[str, object]) -> None:
    """Whatever the members are, the answer is 201 or 422, and a 201 repeats what was sent."""
    headers = ada.bearer | {"content-type": "application/json"}
    answer = await client.post(PATH, content=json.dumps(members).encode(), headers=headers)
    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        assert answer.json() | members == answer.json()


async def test_a_restart_of_the_database_refuses_no_post(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Posts sent before the service has noticed a restart of its database are stored, with the next ids."""
    first = await write_post(client, ada)
    await note_restart(database)
    at_once = (client.post(PATH, json={"title": str(each)}, headers=ada.bearer) for each in range(10))
    assert [answer.status_code for answer in await asyncio.gather(*at_once)] == [201] * 10
    await note_restart(database)
    once = await client.post(PATH, json={"title": "once"}, headers={**ada.bearer, "Idempotency-Key": "k"})
    assert once.status_code == 201
    highest = await database.fetchval("SELECT max(id) FROM posts")
    assert int(str(first["id"])) + 11 <= highest < 1_000_000
