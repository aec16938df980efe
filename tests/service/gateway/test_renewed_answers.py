"""A browser stays signed in: a cookie whose access token has expired gets its request through, and is renewed."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from gateway.callers import renewal as session_renewal
from shared.tokens.device_cookie import LastSignIn
from tests.support.fake_auth_service import FakeAuthService, Json, answer_with, break_off, running_auth_service
from tests.support.gateway_in_process import SERVICE_SECRET, SESSION_ID, RunningGateway, running_gateway
from tests.support.raw_client import connected, settle
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

COOKIE = "next-auth.session-token=anew; Path=/; HttpOnly; SameSite=Lax"
CLEARED = "next-auth.session-token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"


@pytest.fixture
async def fake_auth() -> AsyncIterator[FakeAuthService]:
    """Give the auth service that gives fresh tokens."""
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
    """The browser of an ended session is sent to the sign-in page, and its cookie is cleared."""

    def refuse(_: Json) -> bytes:
        return answer_with({"accessToken": None, "setCookie": [CLEARED]})

    fake_auth.renew = refuse
    page, api = await client.get("/userposts", headers=stale), await client.get("/api/user/7", headers=stale)
    assert (page.status_code, api.status_code) == (302, 401)
    assert page.headers.get_list("set-cookie") == api.headers.get_list("set-cookie") == [CLEARED]
    assert posts.received == []


async def test_without_the_auth_service_nobody_is_turned_away(
    client: httpx2.AsyncClient, fake_auth: FakeAuthService, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """Where an expired token can't be renewed, the caller is unknown: 503 and try again, no sign-in page, no 401.

    Public pages are shown, as to anybody. No cookie is touched.
    """
    fake_auth.renew = lambda _: break_off()
    for path in ("/userposts", "/api/user/7"):
        answer = await client.get(path, headers=stale)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "set-cookie" not in answer.headers
    answer = await client.get("/public/page", headers=stale)
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert [received.values("authorization") for received in posts.received] == [[]]


async def test_a_cookie_that_a_late_answer_spoiled_is_mended(
    gateway: RunningGateway, client: httpx2.AsyncClient, fake_auth: FakeAuthService, posts: RawUpstream
) -> None:
    """With the cookie of another session, or none, beside the device cookie of a live one, the live user passes."""
    now = int(time.time())
    device = gateway.credentials.devices.make(LastSignIn(7, SESSION_ID), now)
    token = gateway.credentials.tokens.sign(
        user_id=8, name="Old", email="old@example.com", session_id=SESSION_ID.replace("0", "1"), now=now
    )
    session = gateway.credentials.sealer.seal({"sid": SESSION_ID.replace("0", "1"), "accessToken": token}, now)
    for cookie in (
        f"gatepost.device={device}",
        f"next-auth.session-token={session}; gatepost.device={device}; theme=dark",
    ):
        answer = await client.get("/userposts", headers={"Cookie": cookie})
        assert (answer.status_code, answer.headers.get_list("set-cookie")) == (200, [COOKIE])
    for received in posts.received:
        claims = gateway.credentials.tokens.verify(received.values("authorization")[0].removeprefix("Bearer "), now)
        assert claims.user_id == 7
        assert received.values("cookie") in ([], ["theme=dark"]), "it goes to the service that issues it, and no other"
    assert {asked["device"] for asked in fake_auth.asked_to_renew} == {device}


async def test_a_browser_that_signed_out_is_asked_about_once(
    gateway: RunningGateway,
    client: httpx2.AsyncClient,
    fake_auth: FakeAuthService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The device cookie of an ended session costs one call, not one for each request."""
    fake_auth.renew = lambda _: answer_with({"accessToken": None, "setCookie": []})
    device = gateway.credentials.devices.make(LastSignIn(7, SESSION_ID), int(time.time()))
    monkeypatch.setattr(session_renewal, "REMEMBER", 0.0)
    for _ in range(5):
        answer = await client.get("/userposts", headers={"Cookie": f"gatepost.device={device}"})
        assert answer.status_code == 302
    assert len(fake_auth.asked_to_renew) == 1


@pytest.mark.parametrize("path", ["/nothing", "/docs", "/api/auth/session"])
async def test_no_renewal_where_none_is_needed(
    client: httpx2.AsyncClient, fake_auth: FakeAuthService, stale: dict[str, str], path: str
) -> None:
    """No renewal for a path that no rule opens, for own pages, or for an upstream that renews by itself."""
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


async def test_no_cache_of_another_name_keeps_it(
    client: httpx2.AsyncClient, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """A header for CDNs alone (RFC 9213) overrides Cache-Control: it stops, too."""

    async def answer(received: Received) -> None:
        await received.answer(b"ok", headers="CDN-Cache-Control: max-age=60\r\nSurrogate-Control: max-age=60\r\n")

    posts.script = answer
    got = await client.get("/userposts", headers=stale)
    assert got.headers.get_list("set-cookie") == [COOKIE]
    assert "cdn-cache-control" not in got.headers
    assert "surrogate-control" not in got.headers


async def test_a_client_that_leaves_after_a_body_that_came_meanwhile_is_noticed(
    gateway: RunningGateway, fake_auth: FakeAuthService, posts: RawUpstream, stale: dict[str, str]
) -> None:
    """A client whose body came while its session was renewed is still read: if it leaves, the request ends."""

    async def stand_still(request: Received) -> None:
        await request.reader.read()
        request.writer.close()

    posts.script = stand_still
    async with connected(gateway) as client:
        client.ask("POST /userposts/1", f"Cookie: {stale['Cookie']}", f"Origin: {gateway.url}", "Content-Length: 5")
        await settle()
        assert fake_auth.asked_to_renew == []  # the body comes before the answer
        client.send(b"12345")
        await eventually(lambda: len(posts.received) == 1)
        await settle()
        client.reset()
        await eventually(lambda: posts.open_connections == 0)
