"""The posts service with published keys: it never lets in, nor turns away, whom it can't judge."""

import contextlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.forged_tokens import forge, make_claims
from tests.support.key_publisher import KeyPublisher, running_key_publisher
from tests.support.raw_upstream import Received
from tests.support.services import client_of, posts_settings
from tests.support.signers import SECRET, Signer, make_ec_key, pair_up, signer_of
from tests.support.waiting import eventually

ONE, TWO = (pair_up(make_ec_key(number)) for number in (1, 2))
OWN, FEED = "/api/user/7", "/api/posts"


@pytest.fixture
async def publisher() -> AsyncIterator[KeyPublisher]:
    """Give an auth service that publishes one key, and nothing else."""
    async with running_key_publisher(ONE) as publisher:
        yield publisher


@contextlib.asynccontextmanager
async def running_posts(database_url: str, publisher: KeyPublisher, **changes: object) -> AsyncIterator[Starlette]:
    """Give a posts service that follows the published keys, without a shared secret if none is given."""
    usual: dict[str, object] = {"secret_key": None, "auth_service_url": publisher.url}
    app = create_app(posts_settings(database_url, **(usual | changes)), Metrics())
    async with app.router.lifespan_context(app):
        await app.state.parts.database.wait_until_ready()
        yield app


async def be_away(request: Received) -> None:
    """Answer as one who is not there yet."""
    await request.answer(status="503 Service Unavailable")


async def ask(app: Starlette, path: str, by: Signer) -> httpx2.Response:
    """Return the answer to a request with a token of a signer, good but for its key."""
    async with client_of(app) as client:
        return await client.get(path, headers={"authorization": f"Bearer {forge(make_claims(user_id=7), by=by)}"})


async def test_published_keys_verify(app: Starlette, posts_database_url: str, publisher: KeyPublisher) -> None:
    """Tokens of published keys pass, the first one of a new key too; then those of a retired one are refused."""
    del app  # it makes the tables
    async with running_posts(posts_database_url, publisher) as following:
        assert (await ask(following, OWN, ONE)).status_code == 200
        publisher.signers = [TWO]
        assert (await ask(following, OWN, TWO)).status_code == 200
        assert (await ask(following, OWN, ONE)).status_code == 401
        for number in range(5, 15):
            assert (await ask(following, OWN, pair_up(make_ec_key(number)))).status_code == 401
        assert len(publisher.asked) == 2


async def test_a_secret_counts_beside_them(app: Starlette, posts_database_url: str, publisher: KeyPublisher) -> None:
    """On the road from a secret to key pairs tokens of both pass, and before the first those of the secret."""
    del app
    publisher.signers = []
    by_secret = signer_of("HS256")
    settings = {"secret_key": SECRET, "published_keys": True}
    async with running_posts(posts_database_url, publisher, **settings) as following:
        assert (await ask(following, OWN, by_secret)).status_code == 200
        publisher.signers = [ONE]
        for by in (ONE, by_secret):
            assert (await ask(following, OWN, by)).status_code == 200
        async with client_of(following) as client:
            assert "published keys" not in (await client.get("/readyz")).json().get("remarks", {})


async def test_without_any_key_nobody_is_judged(
    app: Starlette, posts_database_url: str, publisher: KeyPublisher
) -> None:
    """Until it has read a key the service is not ready: requests with a token get 503, all others go on as ever."""
    del app
    publisher.script = be_away
    async with running_posts(posts_database_url, publisher) as following, client_of(following) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["lacks"]) == (503, {"keys": "no key yet"})
        for path in (OWN, FEED):
            answer = await ask(following, path, ONE)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.get(FEED)).status_code == 200
        assert (await client.get(OWN)).status_code == 401
        publisher.script = None
        await eventually(lambda: following.state.server.following.keys.find_lack() is None)
        assert (await ask(following, OWN, ONE)).status_code == 200


async def test_nothing_is_followed_where_a_secret_alone_verifies(
    app: Starlette, posts_database_url: str, publisher: KeyPublisher
) -> None:
    """With a shared secret alone no key is asked for, and no request passes through what waits for keys."""
    del app
    async with running_posts(posts_database_url, publisher, secret_key=SECRET) as alone:
        assert (await ask(alone, OWN, ONE)).status_code == 401
        assert publisher.asked == []
        assert "UnknownKeyMiddleware" not in {each.cls.__name__ for each in alone.user_middleware}
