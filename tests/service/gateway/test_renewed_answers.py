"""A browser stays signed in: a cookie whose access token ran out gets its request through, and is set anew."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.fake_auth_service import FakeAuthService, Json, answer_with, break_off, running_auth_service
from tests.support.gateway_in_process import SERVICE_SECRET, SESSION_ID, RunningGateway, running_gateway
from tests.support.raw_upstream import RawUpstream, Received

COOKIE = "next-auth.session-token=anew; Path=/; HttpOnly; SameSite=Lax"
CLEARED = "next-auth.session-token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"


@pytest.fixture
async def fake_auth() -> AsyncIterator[FakeAuthService]:
    """Give the auth service that is asked for fresh tokens."""
    async with running_auth_service(SERVICE_SECRET) as fake:
        yield fake


@pytest.fixture
async def gateway(
    rules: Path, fake_auth: FakeAuthService, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningGateway]:
    """Give a gateway that asks it, and trusts the proxies of this machine."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules, auth_service_url=fake_auth.url) as running:
        fake_auth.renew = lambda _: answer_with({"accessToken": running.sign_token(), "setCookie": [COOKIE]})
        yield running


@pytest.fixture
def stale(gateway: RunningGateway) -> dict[str, str]:
    """Give the headers of a browser whose cookie holds an expired access token of a session that lives."""
    now = int(time.time())
    expired = gateway.credentials.tokens.sign(
        user_id=7, name="Ada", email="ada@example.com", session_id=SESSION_ID, now=now - 4000
    )
    claims = {"sub": "7", "sid": SESSION_ID, "accessToken": expired}
    sealed = gateway.credentials.sealer.seal(claims, now)
    return {"Cookie": f"{gateway.credentials.cookie_names.session}={sealed}"}


async def test_the_request_passes_and_the_cookie_is_set_anew(
    client: httpx2.AsyncClient, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """The upstream gets a fresh token, the browser the renewed cookie, and nobody keeps the answer."""
    answer = await client.get("/userposts", headers=stale)
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == [COOKIE]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert posts.received[0].values("authorization")[0].startswith("Bearer ")


async def test_the_upstreams_own_cookies_stay(
    client: httpx2.AsyncClient, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """An upstream's cookies arrive beside the renewed one."""

    async def answer(received: Received) -> None:
        await received.answer(b"ok", headers="Set-Cookie: mine=1\r\nCache-Control: max-age=60\r\n")

    posts.script = answer
    got = await client.get("/userposts", headers=stale)
    assert got.headers.get_list("set-cookie") == ["mine=1", COOKIE]
    assert got.headers.get_list("cache-control") == ["no-store"]


async def test_a_session_that_ended_is_cleared(
    client: httpx2.AsyncClient, fake_auth: FakeAuthService, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """The browser of a session that is no more is sent to the sign-in page and told to forget its cookie."""

    def refuse(_: Json) -> bytes:
        return answer_with({"accessToken": None, "setCookie": [CLEARED]})

    fake_auth.renew = refuse
    page, api = await client.get("/userposts", headers=stale), await client.get("/api/user/7", headers=stale)
    assert (page.status_code, api.status_code) == (302, 401)
    assert page.headers.get_list("set-cookie") == api.headers.get_list("set-cookie") == [CLEARED]
    assert posts.received == []


async def test_without_the_auth_service_the_token_decides(
    client: httpx2.AsyncClient, fake_auth: FakeAuthService, stale: dict[str, str]
) -> None:
    """When nobody can renew it, an expired token is an expired token."""
    fake_auth.renew = lambda _: break_off()
    answer = await client.get("/userposts", headers=stale)
    assert answer.status_code == 302
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/nothing", "/docs", "/api/auth/session"])
async def test_who_needs_no_renewal_gets_none(
    client: httpx2.AsyncClient, fake_auth: FakeAuthService, stale: dict[str, str], path: str
) -> None:
    """Nobody is asked for a path that no rule opens, for the gateway's own pages, and by what renews by itself."""
    await client.get(path, headers=stale)
    assert fake_auth.asked_to_renew == []


async def test_forward_auth_renews_too(
    gateway: RunningGateway, client: httpx2.AsyncClient, stale: dict[str, str]
) -> None:
    """The yes to another proxy carries a fresh token, and the renewed cookie for whoever relays it."""
    asked = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/userposts", "X-Forwarded-Host": gateway.host, **stale}
    answer = await client.get("/_gateway/auth", headers={"X-Forwarded-Proto": "http", **asked})
    assert answer.status_code == 200
    assert answer.headers["gatepost-decision"] == "allow"
    assert answer.headers["authorization"].startswith("Bearer ")
    assert answer.headers.get_list("set-cookie") == [COOKIE]
