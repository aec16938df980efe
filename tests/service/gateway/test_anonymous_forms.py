"""A form that is sent after its session ended: it alone reaches a service, which shows it again."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream, Received

TYPED = {"title": "Long thoughts", "content": "일 & 이"}
OURS = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
QUESTION = {"x-forwarded-method": "POST", "x-forwarded-uri": "/userposts/new", "x-forwarded-proto": "http"}


@pytest.fixture
async def gateway(rules: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway whose page takes forms of anonymous callers, and that proxies of this machine may ask."""
    change_rules(rules, 'access = "page"', 'access = "page"\nanonymous_forms = true')
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules) as running:
        yield running


def expired_cookie(gateway: RunningGateway) -> dict[str, str]:
    """Return the cookie of a browser whose session is over."""
    return {"cookie": f"theme=dark; {gateway.seal_session('no.longer.good')}"}


async def test_a_form_of_ours_reaches_its_service(
    gateway: RunningGateway, client: httpx2.AsyncClient, posts: RawUpstream
) -> None:
    """The service gets the form as sent, without credentials: no token and no session cookie; its answer is private."""
    seen: list[tuple[Received, bytes]] = []

    async def show_again(request: Received) -> None:
        seen.append((request, await request.read_body()))
        await request.answer(b"<form>", status="401 Unauthorized", headers="Content-Type: text/html\r\n")

    posts.script = show_again
    for proof in (OURS, {"origin": gateway.url}):
        headers = proof | expired_cookie(gateway)
        answer = await client.post("/userposts/new", data=TYPED, headers=headers)
        assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (401, b"<form>", "no-store")
        request, body = seen.pop()
        assert body.startswith(b"title=Long+thoughts&content=")
        assert request.values("authorization") == []
        assert request.values("cookie") == ["theme=dark"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        OURS | {"sec-fetch-mode": "cors"},
        OURS | {"content-type": "application/json"},
        OURS | {"content-type": "text/plain"},
    ],
)
async def test_whatever_else_is_refused_at_the_gate(
    client: httpx2.AsyncClient, posts: RawUpstream, headers: dict[str, str]
) -> None:
    """A form of another or an unknown site, a script's request, another type: 401, and no service hears of it."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await client.post("/userposts/new", content=b"title=x", headers=form | headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert posts.received == []


async def test_forward_auth_lets_it_through_without_a_token(gateway: RunningGateway) -> None:
    """Forward auth decides the same: the form passes, with every header that could name somebody emptied."""
    said = QUESTION | {"x-forwarded-host": gateway.host, "content-type": "application/x-www-form-urlencoded"}
    async with gateway.client() as client:
        own = await client.get("/_gateway/auth", headers=said | OURS | expired_cookie(gateway))
        other = await client.get("/_gateway/auth", headers=said | {"sec-fetch-site": "cross-site"})
    assert (own.status_code, own.headers["authorization"], own.headers["cookie"]) == (200, "", "theme=dark")
    assert other.status_code == 401
