"""CORS: pages of listed origins read a rule's answers, the gateway's own refusals among them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_upstream import RawUpstream, Received

APP, EVIL = "https://app.example", "https://evil.example"
RULES = """
[upstreams]
posts = { address = "POSTS", authorization = "token" }
gone = "http://127.0.0.1:9"

[[rule]]
matcher = ["/api/:path*"]
access = "protected"
upstream = "posts"
max_body = 10
cors = { origins = "https://app.example", credentials = true }

[[rule]]
matcher = ["/gone"]
access = "public"
upstream = "gone"
cors = "https://app.example"

[[rule]]
matcher = ["/open"]
access = "public"
upstream = "posts"
cors = "*"

[[rule]]
matcher = ["/preflights"]
methods = ["GET", "PUT", "OPTIONS"]
access = "public"
upstream = "posts"
cors = "*"

[[rule]]
matcher = ["/docs"]
access = "public"
upstream = "gateway"
cors = "*"

[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "posts"
"""
FROM_APP = {"origin": APP, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}


@pytest.fixture
async def gateway(tmp_path: Path, posts: RawUpstream, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway with such rules, which proxies of this machine may ask."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    (tmp_path / "rules.toml").write_text(RULES.replace("POSTS", posts.url))
    async with running_gateway(tmp_path / "rules.toml") as running:
        yield running


def told(answer: httpx2.Response) -> dict[str, str]:
    """Return what an answer says of other origins."""
    names = [name for name in answer.headers if name.startswith("access-control-allow-") or name == "vary"]
    return {name.removeprefix("access-control-allow-"): answer.headers[name] for name in names}


async def answer_too_many(request: Received) -> None:
    """Answer 429, with a word of the service's own about other origins."""
    await request.read_body()
    own = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: false\r\nVary: Accept\r\n"
    await request.answer(b"no", status="429 Too Many Requests", headers=own)


READS = {"origin": APP, "credentials": "true", "vary": "Origin"}


async def test_a_preflight_is_answered_here(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """It carries no credentials, so it is answered ahead of any access; no service hears of it."""
    ask = FROM_APP | {"access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
    answer = await client.options("/api/x", headers=ask)
    assert (answer.status_code, answer.content) == (204, b"")
    assert told(answer) == READS | {
        "methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
        "headers": "Authorization, Content-Type",
    }
    assert answer.headers["access-control-max-age"] == "600"
    refused = await client.options("/api/x", headers=ask | {"origin": EVIL})
    assert (refused.status_code, told(refused)) == (204, {"vary": "Origin"})
    assert posts.received == []


async def test_our_own_refusals_are_read(client: httpx2.AsyncClient, gateway: RunningGateway) -> None:
    """A page learns that its user has to sign in, sent too much, or that the service is down, and when to try again."""
    answers = [
        await client.get("/api/x", headers=FROM_APP),
        await client.post("/api/x", headers=FROM_APP | {"cookie": gateway.seal_session()}, content=b"x" * 11),
    ]
    assert [answer.status_code for answer in answers] == [401, 413]
    assert [told(answer) for answer in answers] == [READS, READS]
    assert answers[0].headers["access-control-expose-headers"] == "Retry-After, WWW-Authenticate, X-Request-ID"
    down = await client.get("/gone", headers=FROM_APP)
    assert (down.status_code, told(down)) == (503, {"origin": APP, "vary": "Origin"})
    assert told(await client.get("/gone", headers={"origin": EVIL})) == {"vary": "Origin"}


async def test_what_the_service_answers_is_read(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """Its answers, 429 among them, say what the rule says, and what it says itself of other origins is left out."""
    posts.script = answer_too_many
    cookie = {"cookie": gateway.seal_session()}
    answer = await client.put("/api/x", headers=FROM_APP | cookie, content=b"{}")
    assert (answer.status_code, told(answer)) == (429, READS | {"vary": "Accept, Origin"})
    assert posts.received[-1].values("authorization") != []
    assert (await client.put("/api/x", headers=FROM_APP | cookie | {"origin": EVIL}, content=b"{}")).status_code == 401
    assert told(await client.get("/other", headers=FROM_APP))["origin"] == "*"  # without the word nothing is changed


async def test_everybody_reads_what_is_open(client: httpx2.AsyncClient) -> None:
    """The same for all, pages of the gateway's own too; and never with credentials."""
    for path in ("/open", "/docs"):
        answers = [await client.get(path, headers=headers) for headers in ({}, FROM_APP, {"origin": "null"})]
        assert all(told(answer).get("origin") == "*" for answer in answers)
        assert not any("credentials" in told(answer) for answer in answers)


async def test_a_no_of_forward_auth_is_read(client: httpx2.AsyncClient, gateway: RunningGateway) -> None:
    """The proxy passes on what the page may read; of a yes it passes on nothing, and a preflight is for others."""
    about = {"x-forwarded-uri": "/api/x", "x-forwarded-host": gateway.host} | FROM_APP
    no = await client.get("/_gateway/auth", headers=about | {"x-forwarded-method": "GET"})
    assert (no.status_code, told(no)) == (401, READS)
    cookie = {"cookie": gateway.seal_session()}
    yes = await client.get("/_gateway/auth", headers=about | cookie | {"x-forwarded-method": "PUT"})
    assert (yes.status_code, told(yes)) == (200, {})
    ask = {"x-forwarded-method": "OPTIONS", "access-control-request-method": "PUT"}
    assert (await client.get("/_gateway/auth", headers=about | ask)).status_code == 405
    asked = await client.get("/_gateway/auth", headers=about | ask | {"x-forwarded-uri": "/preflights"})
    assert asked.status_code == 200
