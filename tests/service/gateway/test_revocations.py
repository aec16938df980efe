"""At the gateway: a session that was ended is refused, by header and by cookie, and the feed's state shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client import generate_latest

from shared.auth_events import follower
from tests.support.fake_auth_service import FakeAuthService, break_off, running_auth_service
from tests.support.gateway_in_process import SERVICE_SECRET, SESSION_ID, RunningGateway, running_gateway
from tests.support.waiting import wait_until


@pytest.fixture
async def fake_auth() -> AsyncIterator[FakeAuthService]:
    """Give the auth service whose feed the gateway follows."""
    async with running_auth_service(SERVICE_SECRET) as fake:
        yield fake


@pytest.fixture
async def gateway(rules: Path, fake_auth: FakeAuthService) -> AsyncIterator[RunningGateway]:
    """Give a gateway that follows it."""
    async with running_gateway(rules, auth_service_url=fake_auth.url) as running:
        yield running


async def wait_for(client: httpx2.AsyncClient, path: str, headers: dict[str, str], status: int) -> httpx2.Response:
    """Return the first answer with that status."""
    return await wait_until(lambda: client.get(path, headers=headers), lambda answer: answer.status_code == status)


async def test_an_ended_session_is_refused(
    gateway: RunningGateway, client: httpx2.AsyncClient, fake_auth: FakeAuthService
) -> None:
    """Soon after a session has ended neither its token nor its cookie opens anything."""
    bearer, cookie = {"authorization": gateway.sign_token()}, {"cookie": gateway.seal_session()}
    assert (await client.get("/api/user/7", headers=bearer)).status_code == 200
    assert (await client.get("/userposts", headers=cookie)).status_code == 200
    fake_auth.revoke(SESSION_ID)
    refused = await wait_for(client, "/api/user/7", bearer, 401)
    assert refused.json() == {"error": "No Authorization"}
    assert refused.headers["www-authenticate"].endswith('error_description="The session was ended"')
    assert (await client.get("/api/user/7", headers=cookie)).status_code == 401
    page = await client.get("/userposts", headers=cookie)
    assert (page.status_code, page.headers["location"]) == (302, "/api/auth/signin?callbackUrl=%2Fuserposts")


async def test_a_gateway_that_starts_knows_what_ended_before(
    rules: Path, fake_auth: FakeAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ended while no gateway ran is refused from the first request on."""
    fake_auth.revoke(SESSION_ID)
    monkeypatch.setattr(follower, "START_TIMEOUT", 10)
    fake_auth.feed_pause = 0.3
    async with running_gateway(rules, auth_service_url=fake_auth.url) as late, httpx2.AsyncClient(timeout=30) as client:
        bearer = {"authorization": late.sign_token()}
        assert (await client.get(f"{late.url}/api/user/7", headers=bearer)).status_code == 401


async def test_the_feed_shows(gateway: RunningGateway, client: httpx2.AsyncClient, fake_auth: FakeAuthService) -> None:
    """While the feed is cut the gateway stays ready and says so; the metrics show since when, and the state."""
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    fake_auth.cut = break_off
    answer = await wait_until(lambda: client.get("/readyz"), lambda answer: "remarks" in answer.json())
    assert answer.status_code == 200
    assert answer.json()["remarks"]["revocations"].startswith("cut: last heard of ")
    assert (await client.get("/api/user/7", headers={"authorization": gateway.sign_token()})).status_code == 200
    figures = generate_latest(gateway.metrics.registry).decode()
    assert 'gatepost_feed_lag_seconds{feed="revocations"}' in figures
    assert "gatepost_revocations_known 0.0" in figures
