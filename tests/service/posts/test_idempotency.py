"""``Idempotency-Key``: however often a write is sent, it happens once."""

import asyncio

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.people import Person
from tests.support.services import client_of, posts_settings, running

PATH = "/api/posts"
BODY = {"title": "Once", "content": "only"}


def with_key(person: Person, key: str) -> dict[str, str]:
    """Return the headers of a write that is to happen once."""
    return person.bearer | {"idempotency-key": key}


async def count_posts(database: asyncpg.Connection) -> int:
    """Return how many posts there are."""
    count: int = await database.fetchval("SELECT count(*) FROM posts")
    return count


async def test_a_repeated_write_gets_the_first_answer(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """The same key and body give the stored answer, byte for byte, even when the post has changed or gone since."""
    first = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    assert first.status_code == 201
    spelled_anew = b'{ "published": false, "content": "only", "title": "\\u004fnce" }'
    headers = with_key(ada, "k") | {"content-type": "application/json"}
    for _ in range(2):
        again = await client.post(PATH, content=spelled_anew, headers=headers)
        assert (again.status_code, again.content) == (201, first.content)
        for name in ("location", "etag", "cache-control", "content-type"):
            assert again.headers[name] == first.headers[name]
        await client.delete(first.headers["location"], headers=ada.bearer)
    assert await count_posts(database) == 0


async def test_the_same_write_five_times_at_once_is_one_post(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Of five equal requests at once one writes; the others get its answer, or 409 while it runs. Twenty rounds."""
    for number in range(20):
        headers = with_key(ada, f"k{number}")
        answers = await asyncio.gather(*(client.post(PATH, json=BODY, headers=headers) for _ in range(5)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        assert await count_posts(database) == number + 1
        assert (await client.post(PATH, json=BODY, headers=headers)).status_code == 201
        assert await count_posts(database) == number + 1


async def test_a_key_in_use_is_a_conflict_until_its_request_ends(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """While the first request with a key runs, others get 409; when it ends without success, the key is free."""
    running = database.transaction()
    await running.start()
    await database.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", "k", ada.id)
    conflict = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    other_key = await client.post(PATH, json=BODY, headers=with_key(ada, "k2"))
    await running.rollback()
    after = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    assert [answer.status_code for answer in (conflict, other_key, after)] == [409, 201, 201]


async def test_another_body_under_the_same_key_is_refused(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A key that was used for another body is 422 and named, and nothing is written."""
    await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    answer = await client.post(PATH, json=BODY | {"published": True}, headers=with_key(ada, "k"))
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"Idempotency-Key"})
    assert await count_posts(database) == 1


async def test_keys_of_two_people_have_nothing_in_common(
    client: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """The same key from another user is another key."""
    mine = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    theirs = await client.post(PATH, json=BODY, headers=with_key(grace, "k"))
    assert (mine.json()["authorId"], theirs.json()["authorId"]) == (ada.id, grace.id)


async def test_a_refused_write_leaves_the_key_free(client: httpx2.AsyncClient, ada: Person) -> None:
    """A body that was refused does not use up the key."""
    refused = await client.post(PATH, json={"title": ""}, headers=with_key(ada, "k"))
    accepted = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    assert (refused.status_code, accepted.status_code) == (422, 201)


async def test_a_failed_write_leaves_neither_post_nor_key(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Post and key are stored together: when storing the key fails, there is no post either."""
    async with database.transaction():
        await database.execute("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE")
        answer = await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    assert answer.status_code == 503
    assert await count_posts(database) == 0
    assert (await client.post(PATH, json=BODY, headers=with_key(ada, "k"))).status_code == 201
    assert await count_posts(database) == 1


async def test_a_key_counts_for_a_day(
    client: httpx2.AsyncClient, app: Starlette, ada: Person, database: asyncpg.Connection
) -> None:
    """After 24 hours a key is free again, and housekeeping clears away old ones."""
    for key in ("k", "left"):
        await client.post(PATH, json=BODY, headers=with_key(ada, key))
    await database.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")
    again = await client.post(PATH, json=BODY | {"title": "Anew"}, headers=with_key(ada, "k"))
    assert (again.status_code, again.json()["title"]) == (201, "Anew")
    await app.state.server.housekeeping.finish()
    assert [row["key"] for row in await database.fetch("SELECT key FROM idempotency_keys")] == ["k"]


async def test_a_key_counts_for_as_long_as_is_set(
    client: httpx2.AsyncClient, posts_database_url: str, ada: Person, database: asyncpg.Connection
) -> None:
    """With ``IDEMPOTENCY_RETENTION_HOURS`` 2 a key is free again after two hours, for requests and for housekeeping."""
    await client.post(PATH, json=BODY, headers=with_key(ada, "k"))
    await database.execute("UPDATE idempotency_keys SET created_at = now() - interval '1 hour 59 minutes'")
    settings = posts_settings(posts_database_url, idempotency_retention_hours=2)
    async with running(create_app(settings, Metrics())) as app, client_of(app) as brief:
        await app.state.parts.database.wait_until_ready()
        await app.state.server.housekeeping.finish()
        again = await brief.post(PATH, json=BODY | {"title": "Anew"}, headers=with_key(ada, "k"))
        assert again.status_code == 422
        await database.execute("UPDATE idempotency_keys SET created_at = now() - interval '2 hours 1 second'")
        again = await brief.post(PATH, json=BODY | {"title": "Anew"}, headers=with_key(ada, "k"))
        assert (again.status_code, again.json()["title"]) == (201, "Anew")
        await database.execute("UPDATE idempotency_keys SET created_at = now() - interval '2 hours 1 second'")
        await app.state.server.housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 0


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"tab\there", b"caf\xc3\xa9", b"nul\0"])
async def test_a_key_that_is_no_key_is_refused(client: httpx2.AsyncClient, ada: Person, key: bytes) -> None:
    """A key is 1 to 255 printable ASCII characters."""
    answer = await client.post(PATH, json=BODY, headers=[*ada.bearer.items(), (b"idempotency-key", key)])
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"Idempotency-Key"})


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b ~!"])
async def test_any_printable_key_is_taken(client: httpx2.AsyncClient, ada: Person, key: str) -> None:
    """Any printable ASCII is a key, quoted or not."""
    assert (await client.post(PATH, json=BODY, headers=with_key(ada, key))).status_code == 201


async def test_two_keys_are_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """Two keys on one request are 422: choosing one would be a guess."""
    headers = [*ada.bearer.items(), ("idempotency-key", "a"), ("idempotency-key", "b")]
    assert (await client.post(PATH, json=BODY, headers=headers)).status_code == 422
