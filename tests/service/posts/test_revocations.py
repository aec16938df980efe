"""A session that was ended at the auth service is refused here, even if its token was valid a moment before."""

import uuid

import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.auth_events import follower
from shared.observing.metrics import Metrics
from tests.service.posts.conftest import make_person
from tests.support.fake_auth_service import PAGE, FakeAuthService, break_off
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.services import client_of, posts_settings, running
from tests.support.waiting import eventually, wait_until


async def is_refused(client: httpx2.AsyncClient, person: Person) -> bool:
    """Tell whether the person's posts are refused to them because their session was ended."""
    answer = await client.get(f"/api/user/{person.id}", headers=person.bearer)
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert 'error_description="The session was ended"' in answer.headers["www-authenticate"]
    return True


async def wait_for_refusal(client: httpx2.AsyncClient, person: Person) -> None:
    """Return when the person is refused."""
    await wait_until(lambda: is_refused(client, person), bool)


async def test_an_ended_session_is_refused(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService, grace: Person
) -> None:
    """Soon after a session has ended its token is refused for reading and writing; another session is not."""
    sid = str(uuid.uuid4())
    ada, elsewhere = make_person(1, "Ada", sid=sid), make_person(1, "Ada")
    post = await write_post(client, ada, published=True)
    assert not await is_refused(client, ada)
    fake_auth_service.revoke(sid)
    await wait_for_refusal(client, ada)
    writing = await client.patch(f"/api/posts/{post['id']}", json={"title": "No"}, headers=ada.bearer)
    assert writing.status_code == 401
    assert (await client.get(f"/api/posts/{post['id']}", headers=ada.bearer)).json()["title"] == "A title"
    assert not await is_refused(client, elsewhere)
    assert not await is_refused(client, grace)


@pytest.mark.usefixtures("client")
async def test_every_replica_refuses(
    posts_database_url: str, fake_auth_service: FakeAuthService, app: Starlette
) -> None:
    """An ended session is refused by each of several replicas, which follow independently."""
    sid = str(uuid.uuid4())
    ada = make_person(1, "Ada", sid=sid)
    settings = posts_settings(posts_database_url, auth_service_url=fake_auth_service.url)
    async with running(create_app(settings, Metrics())) as another:
        await another.state.parts.database.wait_until_ready()
        fake_auth_service.revoke(sid)
        for replica in (app, another):
            async with client_of(replica) as client:
                await wait_for_refusal(client, ada)


@pytest.mark.usefixtures("client")
async def test_a_service_that_starts_knows_what_ended_before(
    posts_database_url: str, fake_auth_service: FakeAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ended while the service was down is refused from the first request on."""
    sid = str(uuid.uuid4())
    for ended in (*(str(uuid.uuid4()) for _ in range(PAGE)), sid):
        fake_auth_service.revoke(ended)
    monkeypatch.setattr(follower, "START_TIMEOUT", 10)
    fake_auth_service.feed_pause = 0.3
    settings = posts_settings(posts_database_url, auth_service_url=fake_auth_service.url)
    async with running(create_app(settings, Metrics())) as late, client_of(late) as client:
        assert await is_refused(client, make_person(1, "Ada", sid=sid))


async def test_without_the_feed_the_service_goes_on(posts_database_url: str, grace: Person, app: Starlette) -> None:
    """A service that can't follow is ready, says so, and serves everybody with a valid token."""
    del app  # it makes the tables
    settings = posts_settings(posts_database_url, auth_service_url="http://127.0.0.1:9")
    async with running(create_app(settings, Metrics())) as alone, client_of(alone) as client:
        await alone.state.parts.database.wait_until_ready()
        await eventually(lambda: "revocations" in {n for n, r in alone.state.server.remarks.items() if r()})
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert answer.json()["remarks"]["revocations"].startswith("cut: last heard of")
        assert not await is_refused(client, grace)


@pytest.mark.usefixtures("app")
async def test_what_is_known_counts_while_the_feed_is_cut(
    client: httpx2.AsyncClient, fake_auth_service: FakeAuthService
) -> None:
    """A session that ended before the feed was cut stays refused."""
    sid = str(uuid.uuid4())
    ada = make_person(1, "Ada", sid=sid)
    fake_auth_service.revoke(sid)
    await wait_for_refusal(client, ada)
    fake_auth_service.cut = break_off
    try:
        await wait_until(lambda: client.get("/readyz"), lambda answer: "remarks" in answer.json())
        assert await is_refused(client, ada)
    finally:
        fake_auth_service.cut = None
