"""A service with credentials of its own gets the Authorization header as it was sent, on its rule's paths alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_upstream import RawUpstream

CREDENTIAL = "Bearer gatepost_0123456789"
RULE = """
[[rule]]
matcher = ["/feed"]
access = "public"
authorization = "own"
upstream = "posts"
"""
QUESTION = {"x-forwarded-method": "GET", "x-forwarded-uri": "/feed", "x-forwarded-proto": "http"}


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with a rule for such a service."""
    rules.write_text(rules.read_text() + RULE)
    return rules


@pytest.fixture
async def gateway(rules: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway ahead of it, that proxies of this machine may ask."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules) as running:
        yield running


@pytest.mark.parametrize("sent", [CREDENTIAL, "Basic YTpi", "gatepost_0123456789", ""])
async def test_it_gets_the_header_as_it_was_sent(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream, sent: str
) -> None:
    """Whatever the scheme; a browser's session adds nothing to it; and the answer is private."""
    for headers in ({}, {"cookie": gateway.seal_session(), "sec-fetch-site": "same-origin"}):
        answer = await client.get("/feed", headers={"authorization": sent, **headers})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert posts.received.pop().values("authorization") == [sent]


async def test_it_gets_none_of_several(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Of several headers none is chosen, for a service could choose another: the request is refused."""
    answer = await gateway.send_head(f"GET /feed HTTP/1.1\r\nAuthorization: {CREDENTIAL}\r\nAuthorization: Basic YTpi")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert posts.received == []


async def test_an_access_token_is_passed_on_like_any_other(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """A user's token goes on bare, as it was sent: nothing tells the service that the gateway knows it."""
    await client.get("/feed", headers={"authorization": gateway.sign_token()})
    (passed,) = posts.received.pop().values("authorization")
    assert not passed.startswith("Bearer")


async def test_it_goes_nowhere_else(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """On the paths of other rules a credential of a service opens nothing and reaches no service."""
    assert (await client.get("/api/user/7", headers={"authorization": CREDENTIAL})).status_code == 401
    assert (await client.get("/userposts", headers={"authorization": CREDENTIAL})).status_code == 302
    assert (await client.get("/public/a", headers={"authorization": CREDENTIAL})).status_code == 200
    assert posts.received.pop().values("authorization") == []


async def test_forward_auth_says_the_same(gateway: RunningGateway) -> None:
    """The yes carries the header as it was sent, for the proxy to set, or an empty one; of several it is a no."""
    said = QUESTION | {"x-forwarded-host": gateway.host}
    async with gateway.client() as client:
        answer = await client.get("/_gateway/auth", headers=said | {"authorization": CREDENTIAL})
        assert (answer.status_code, answer.headers["authorization"]) == (200, CREDENTIAL)
        answer = await client.get("/_gateway/auth", headers=said)
        assert (answer.status_code, answer.headers["authorization"]) == (200, "")
        several = [*said.items(), ("authorization", CREDENTIAL), ("authorization", "Basic YTpi")]
        answer = await client.get("/_gateway/auth", headers=several)
        assert (answer.status_code, answer.headers.get("authorization")) == (400, None)
