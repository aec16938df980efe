"""Following user changes: the feed's events reach the posts once, in order, whatever tokens say meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.auth_events.follower import Position
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from shared.users_copy.authors import upsert_deleted_authors
from shared.users_copy.following import UserChangeConsumer
from shared.users_copy.removals import insert_removals
from tests.service.posts.conftest import make_person
from tests.support.fake_auth_service import (
    FakeAuthService,
    Json,
    answer_with,
    break_off,
    describe_user,
    running_auth_service,
)
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.services import posts_settings, running
from tests.support.waiting import wait_until

FEED_OF_ALL = "/api/posts?limit=100"
COUNT_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"


@pytest.fixture
async def app(posts_database_url: str, fake_auth_service: FakeAuthService) -> AsyncIterator[Starlette]:
    """Give a posts service of its own, which has read no feed yet."""
    async with running_posts(posts_database_url, fake_auth_service) as app:
        yield app


@contextlib.asynccontextmanager
async def running_posts(database_url: str, auth: FakeAuthService) -> AsyncIterator[Starlette]:
    """Give a replica of the posts service whose database is ready."""
    settings = posts_settings(database_url, auth_service_url=auth.url)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


async def names_in_feed(client: httpx2.AsyncClient) -> list[str | None]:
    """Return the names of the authors in the feed, newest post first."""
    return [post["author"] and post["author"]["name"] for post in (await client.get(FEED_OF_ALL)).json()]


async def wait_for_names(client: httpx2.AsyncClient, *names: str | None) -> None:
    """Return when the authors in the feed have these names."""
    await wait_until(lambda: names_in_feed(client), lambda found: found == list(names))


async def wait_for_position(database: asyncpg.Connection, position: int) -> None:
    """Return once the changes up to a number are taken."""
    await wait_until(lambda: database.fetchval("SELECT position FROM followed_feeds"), lambda found: found == position)


async def list_authors(database: asyncpg.Connection) -> dict[int, str | None]:
    """Return the names in the table; None for users who were deleted."""
    return {row["id"]: row["name"] for row in await database.fetch("SELECT id, name FROM authors ORDER BY id")}


async def test_a_new_name_reaches_the_lists(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService, ada: Person, grace: Person
) -> None:
    """A renamed user's posts, old ones too, soon have the new name; nobody else's change."""
    await write_post(client, ada, published=True)
    await write_post(client, grace, published=True)
    fake_auth_service.tell("created", ada.id, ada.name)
    fake_auth_service.tell("renamed", ada.id, "Ada King")
    await wait_for_names(client, grace.name, "Ada King")


async def test_a_new_address_reaches_the_lists(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService, ada: Person
) -> None:
    """The posts of a user who moved to another address, old ones too, soon have that for those who may see it."""
    await write_post(client, ada, published=True)
    moved = describe_user(ada.id, ada.name) | {"email": "ada@lovelace.example.org"}
    fake_auth_service.changes.append({"id": 1, "kind": "renamed", "user": moved})

    async def find_email() -> object:
        posts = (await client.get(f"/api/user/{ada.id}", headers=ada.bearer)).json()
        return posts[0]["author"]["email"]

    await wait_until(find_email, lambda email: email == moved["email"])


async def test_a_token_does_not_bring_an_old_name_back(
    client: httpx2.AsyncClient, database: asyncpg.Connection, fake_auth_service: FakeAuthService, ada: Person
) -> None:
    """The feed takes precedence over the name in any token, whatever the clocks say."""
    fake_auth_service.tell("renamed", ada.id, "Ada King")
    await wait_for_position(database, 1)
    later = make_person(ada.id, "Ada Lovelace", iat=int(time.time()) + 4)
    await write_post(client, ada, published=True)
    await write_post(client, later, published=True)
    assert await names_in_feed(client) == ["Ada King", "Ada King"]


async def test_who_is_deleted_takes_the_posts_along(
    client: httpx2.AsyncClient,
    app: Starlette,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
    grace: Person,
) -> None:
    """A deleted user's posts, drafts, idempotency keys and name are gone; everyone else's stay."""
    key = {"Idempotency-Key": "k"}
    for person in (ada, grace):
        await write_post(client, person, published=True)
        await client.post("/api/posts", json={"title": "Draft"}, headers=person.bearer | key)
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_names(client, grace.name)
    await app.state.server.housekeeping.finish()
    assert await database.fetchval("SELECT array_agg(DISTINCT author_id) FROM posts") == [grace.id]
    assert await database.fetchval("SELECT array_agg(author_id) FROM idempotency_keys") == [grace.id]
    assert await list_authors(database) == {ada.id: None, grace.id: grace.name}
    text = str(await database.fetch("SELECT authors::text FROM authors"))
    assert ada.email not in text


async def test_who_is_deleted_writes_no_more(
    client: httpx2.AsyncClient,
    app: Starlette,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    ada: Person,
) -> None:
    """A token that outlives its user writes nothing: not with a key, not on a page, not again."""
    await write_post(client, ada, published=True)
    fake_auth_service.tell("deleted", ada.id)
    await wait_for_names(client)
    for headers in (ada.bearer, ada.bearer | {"Idempotency-Key": "k"}):
        answer = await client.post("/api/posts", json={"title": "T"}, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
        assert "The session was ended" in answer.headers["www-authenticate"]
    await app.state.server.housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM posts") == 0
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    assert await list_authors(database) == {ada.id: None}


async def test_a_write_that_runs_meanwhile_is_deleted_with_the_rest(
    client: httpx2.AsyncClient,
    app: Starlette,
    database: asyncpg.Connection,
    fake_auth_service: FakeAuthService,
    posts_database_url: str,
    ada: Person,
) -> None:
    """A post that is being written while its author is deleted is not left over."""
    await write_post(client, ada, published=True)
    writer = await asyncpg.connect(posts_database_url)
    try:
        async with writer.transaction():
            await writer.execute("UPDATE authors SET as_of = as_of + interval '1 s' WHERE id = $1", ada.id)
            await writer.execute("INSERT INTO posts (author_id, title, content, published) VALUES (1, 'T', '', true)")
            fake_auth_service.tell("deleted", ada.id)
            await asyncio.sleep(0.5)
            assert await database.fetchval("SELECT position FROM followed_feeds") == 0
    finally:
        await writer.close()
    await wait_for_position(database, 1)
    await app.state.server.housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM posts") == 0


async def test_a_change_and_the_end_of_its_author_wait_in_one_order(
    client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person
) -> None:
    """A change that comes while its author is being deleted waits for the deletion; there is no deadlock."""
    await write_post(client, ada, published=True)
    async with database.transaction():
        await upsert_deleted_authors(database, [ada.id])
        change = asyncio.create_task(client.patch("/api/posts/1", json={"title": "Late"}, headers=ada.bearer))
        await wait_until(lambda: database.fetchval(COUNT_WAITING), lambda count: count == 1)
        await insert_removals(database, [ada.id])
    assert (await change).status_code == 404


async def test_it_catches_up_after_being_down(
    posts_database_url: str, fake_auth_service: FakeAuthService, database: asyncpg.Connection, app: Starlette
) -> None:
    """What happened while the posts service was down is taken by the next one, from where the last one stopped."""
    fake_auth_service.tell("created", 1, "Ada")
    fake_auth_service.tell("created", 2, "Grace")
    await wait_for_position(database, 2)
    await app.state.server.stop()
    fake_auth_service.cut = break_off  # for the other tests' service, which may still be running
    fake_auth_service.tell("renamed", 1, "Ada King")
    fake_auth_service.tell("deleted", 2)
    for user_id in range(3, 1203):
        fake_auth_service.tell("created", user_id, f"User {user_id}")
    assert await database.fetchval("SELECT position FROM followed_feeds") == 2
    async with running_auth_service(SAMPLE_SECRETS["SERVICE_SECRET"]) as later:
        later.changes = fake_auth_service.changes
        async with running_posts(posts_database_url, later):
            await wait_for_position(database, 1204)
        assert later.list_places("changes")[0] == 2
    authors = await list_authors(database)
    assert (authors[1], authors[2], authors[1202], len(authors)) == ("Ada King", None, "User 1202", 1202)


@pytest.mark.usefixtures("client")
async def test_replicas_do_not_disturb_one_another(
    posts_database_url: str, fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """Several replicas that follow at the same time end where one would."""
    async with (
        running_posts(posts_database_url, fake_auth_service),
        running_posts(posts_database_url, fake_auth_service),
    ):
        for round_ in range(40):
            for user_id in range(1, 11):
                fake_auth_service.tell("renamed", user_id, f"Name {round_}")
            await asyncio.sleep(0.02)
        fake_auth_service.tell("deleted", 10)
        await wait_for_position(database, 401)
    assert await list_authors(database) == {**dict.fromkeys(range(1, 10), "Name 39"), 10: None}


async def test_a_feed_that_went_back_is_read_anew(
    fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """When the auth service's database was restored, its earlier state counts, for names and for who exists."""
    fake_auth_service.tell("created", 1, "Ada")
    fake_auth_service.tell("created", 2, "Grace")
    fake_auth_service.tell("renamed", 1, "Ada King")
    fake_auth_service.tell("deleted", 2)
    await wait_for_position(database, 4)
    fake_auth_service.changes[:] = fake_auth_service.changes[:2]
    await wait_for_position(database, 2)
    assert await list_authors(database) == {1: "Ada", 2: "Grace"}


FIRST, SECOND = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"


async def test_in_a_new_epoch_the_feed_has_the_last_word(
    app: Starlette,
    client: httpx2.AsyncClient,
    fake_auth_service: FakeAuthService,
    database: asyncpg.Connection,
    ada: Person,
    grace: Person,
) -> None:
    """After a restore users whom the auth service no longer knows lose name and address here, and can't write.

    Their posts stay, without an author. A deleted user who came back is a user again, and can be listed.
    """
    mary = make_person(3, "Mary Jackson")
    fake_auth_service.epoch = FIRST
    for person in (ada, grace, mary):
        fake_auth_service.tell("created", person.id, person.name)
        await write_post(client, person, title=person.name, published=True)
    fake_auth_service.tell("deleted", grace.id)
    await wait_for_position(database, 4)
    await app.state.server.housekeeping.finish()
    fake_auth_service.changes[:] = fake_auth_service.changes[:2]
    fake_auth_service.epoch = SECOND
    reading = "SELECT epoch = $1 AND reading_since IS NULL AND position = 2 FROM followed_feeds"
    await wait_until(lambda: database.fetchval(reading, SECOND), bool)
    assert await list_authors(database) == {1: ada.name, 2: grace.name, 3: None}
    assert mary.email not in str(await database.fetch("SELECT authors::text FROM authors"))
    assert await names_in_feed(client) == [None, ada.name]
    late = await client.post("/api/posts", json={"title": "T"}, headers=mary.bearer)
    assert late.status_code == 401
    returned = "SELECT array_agg(id) FROM authors WHERE deleted_at IS NOT NULL AND name IS NOT NULL"
    assert await database.fetchval(returned) == [grace.id]
    asked = fake_auth_service.asked_of["changes"][-1]
    assert (asked["epoch"], asked["known"]) == (SECOND, "3")


async def test_an_auth_service_that_begins_to_tell_of_epochs_is_not_read_anew(
    fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """After an upgrade of the auth service the follower continues where it was, and forgets nobody."""
    fake_auth_service.tell("created", 1, "Ada")
    await wait_for_position(database, 1)
    await database.execute(
        "INSERT INTO authors (id, name, email, as_of) VALUES (9, 'Old', 'old@example.com', 'infinity')"
    )
    asked = len(fake_auth_service.list_places("changes"))
    fake_auth_service.epoch = FIRST
    fake_auth_service.tell("created", 2, "Grace")
    await wait_for_position(database, 2)
    assert str(await database.fetchval("SELECT epoch FROM followed_feeds")) == FIRST
    assert 0 not in fake_auth_service.list_places("changes")[asked:]
    assert await list_authors(database) == {1: "Ada", 2: "Grace", 9: "Old"}


async def test_a_change_that_makes_no_sense_is_passed_over(
    fake_auth_service: FakeAuthService, database: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new user or a name that can't be read, or a kind of a later release, holds up nothing behind it.

    The log says which entry it was, and what is wrong, without its values.
    """
    fake_auth_service.tell("created", 1, "Ada")
    fake_auth_service.changes.append({"id": 2, "kind": "renamed", "user": {"id": 1, "name": "Eve"}})
    fake_auth_service.changes.append({"id": 3, "kind": "merged", "user": {"id": 1}, "into": 2})
    fake_auth_service.tell("created", 4, "Grace")
    await wait_for_position(database, 4)
    assert await list_authors(database) == {1: "Ada", 4: "Grace"}
    out = capsys.readouterr().out
    assert "entry=2 faults={'user.email': 'missing'} feed=user_changes" in out
    assert "Eve" not in out
    assert "feed_entry_not_known" in out


@pytest.mark.parametrize("nonsense", [{"id": 2, "kind": "deleted", "user": {}}, {"id": 2}, "nonsense"], ids=str)
async def test_a_deletion_is_never_passed_over(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService, database: asyncpg.Connection, nonsense: object
) -> None:
    """An unreadable entry that may be a deletion stops the feed right there; ``/readyz`` says where, and stays 200."""
    fake_auth_service.tell("created", 1, "Ada")
    if isinstance(nonsense, dict):
        await wait_for_position(database, 1)
    created = {"id": 1, "kind": "created", "user": describe_user(1, "Ada")}
    fake_auth_service.cut = lambda: answer_with(
        {"changes": [nonsense] if isinstance(nonsense, dict) else [created, nonsense], "last": 3}
    )
    answer = await wait_until(
        lambda: client.get("/readyz"),
        lambda answer: "stopped at entry" in answer.json().get("remarks", {}).get("user_changes", ""),
    )
    assert answer.status_code == 200
    fake_auth_service.cut = None
    fake_auth_service.tell("deleted", 1)
    await wait_for_position(database, 2)
    assert await list_authors(database) == {1: None}


async def test_what_comes_before_a_deletion_that_makes_no_sense_is_taken(
    fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """A page is taken up to the entry at which the feed stops."""
    fake_auth_service.tell("created", 1, "Ada")
    fake_auth_service.tell("created", 2, "Grace")
    fake_auth_service.changes.append({"id": 3, "kind": "deleted", "user": {"id": None}})
    fake_auth_service.tell("created", 4, "Mary")
    await wait_for_position(database, 2)
    assert await list_authors(database) == {1: "Ada", 2: "Grace"}


CHANGES = st.lists(st.tuples(st.sampled_from(["created", "renamed", "deleted"]), st.integers(1, 3)), max_size=12)
READS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, reads=READS)
async def test_pages_in_any_cut_and_repetition_end_the_same(
    app: Starlette, database: asyncpg.Connection, changes: list[tuple[str, int]], reads: list[tuple[int, int]]
) -> None:
    """However the feed is cut into pages, and whichever pages are repeated, the authors end up as the feed says."""
    await database.execute("DELETE FROM authors; DELETE FROM removals; DELETE FROM posts; DELETE FROM idempotency_keys")
    await database.execute("UPDATE followed_feeds SET position = 0, highest_id = 0")
    feed = [describe_change(number, kind, user_id) for number, (kind, user_id) in enumerate(changes, 1)]
    follower = UserChangeConsumer(app.state.parts.database, Metrics().register_skipped_entries("user_changes"))
    for after, length in (*reads, (0, len(feed))):
        page = feed[after : after + length]
        if page:
            await follower.take({"changes": page, "last": page[-1]["id"]}, Position(after))
    expected = {user_id: (None if kind == "deleted" else f"Name {n}") for n, (kind, user_id) in enumerate(changes, 1)}
    assert await list_authors(database) == dict(sorted(expected.items()))


def describe_change(number: int, kind: str, user_id: int) -> Json:
    """Return a change as in the feed; a name contains the number of the change that gave it."""
    user = {"id": user_id} if kind == "deleted" else describe_user(user_id, f"Name {number}")
    return {"id": number, "kind": kind, "user": user}
