"""Forward auth: trusted proxies get the decision, in the form that each understands; nobody else gets anything."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream

QUESTION = "/_gateway/auth"
COOKIE_FREE = {"Authorization": "", "Cookie": ""}


@pytest.fixture
async def gateway(rules: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway that trusts the proxies of this machine."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
    async with running_gateway(rules) as running:
        yield running


async def ask_as_caddy(gateway: RunningGateway, uri: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask as Caddy, Traefik and HAProxy do; ``headers`` are the original request's."""
    said = {"X-Forwarded-Uri": uri, "X-Forwarded-Method": method, "X-Forwarded-Host": gateway.host}
    async with gateway.client() as client:
        return await client.get(QUESTION, headers={**said, "X-Forwarded-Proto": "http", **spell(headers)})


async def ask_as_nginx(gateway: RunningGateway, target: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask as nginx's auth_request does."""
    said = {"X-Original-URL": f"http://{gateway.host}{target}", "X-Original-Method": method}
    async with gateway.client() as client:
        return await client.get(QUESTION, headers={**said, **spell(headers)})


def spell(headers: dict[str, str]) -> dict[str, str]:
    """Return headers that are written as names of arguments."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def test_a_signed_in_caller_passes(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A yes is 200, or 204 for nginx, with the gateway's header and the token as Bearer; no upstream is contacted."""
    token = gateway.sign_token()
    for ask, status in ((ask_as_caddy, 200), (ask_as_nginx, 204)):
        for credential in (token, f"Bearer {token}"):
            answer = await ask(gateway, "/api/user/1?a=b", Authorization=credential)
            assert answer.status_code == status
            assert answer.content == b""
            assert answer.headers["gatepost-decision"] == "allow"
            assert answer.headers["authorization"] == f"Bearer {token}"
            assert answer.headers["cookie"] == ""
            assert answer.headers["cache-control"] == "no-store"
    assert posts.received == []


async def test_a_cookie_becomes_a_token(gateway: RunningGateway) -> None:
    """A session cookie passes as the Bearer token in it; the cookies that pass are all but NextAuth's."""
    answer = await ask_as_caddy(gateway, "/userposts", Cookie=f"a=b; {gateway.seal_session()}; c=d")
    assert answer.status_code == 200
    assert answer.headers["authorization"].startswith("Bearer ey")
    assert answer.headers["cookie"] == "a=b; c=d"


async def test_no_answer_shows_a_session_cookie(gateway: RunningGateway) -> None:
    """Not even for NextAuth's own paths: where a proxy passes on everything, a script could read it in the answer."""
    for ask in (ask_as_caddy, ask_as_nginx):
        answer = await ask(gateway, "/api/auth/session", Cookie=f"a=b; {gateway.seal_session()}")
        assert answer.headers["gatepost-decision"] == "allow"
        assert answer.headers["cookie"] == "a=b"


async def test_a_public_path_passes_with_empty_headers(gateway: RunningGateway) -> None:
    """A yes to an anonymous caller has every header too, empty, so that a client's own can't survive."""
    for credential in ({}, {"Authorization": "Bearer forged"}, {"Cookie": "next-auth.session-token=forged"}):
        answer = await ask_as_caddy(gateway, "/public/x", **credential)
        assert answer.status_code == 200
        assert {name: answer.headers[name] for name in COOKIE_FREE} == COOKIE_FREE


async def test_an_anonymous_page(gateway: RunningGateway) -> None:
    """A page leads to the sign-in page: 302, or for nginx 401 with the same Location."""
    location = f"{gateway.url}/api/auth/signin?callbackUrl=%2Fuserposts%2F1%3Fa%3Db"
    redirect = await ask_as_caddy(gateway, "/userposts/1?a=b")
    assert (redirect.status_code, redirect.headers["location"]) == (302, location)
    for_nginx = await ask_as_nginx(gateway, "/userposts/1?a=b")
    assert (for_nginx.status_code, for_nginx.headers["location"]) == (401, location)
    assert not {"gatepost-decision", "authorization"} & {*redirect.headers, *for_nginx.headers}


async def test_an_anonymous_call_of_the_api(gateway: RunningGateway) -> None:
    """A protected path answers 401, the common body and the challenge, and leads nowhere."""
    for ask in (ask_as_caddy, ask_as_nginx):
        answer = await ask(gateway, "/api/user/1", Authorization="Bearer nonsense")
        assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/nowhere", "GET", 404),
        ("/_gateway/auth", "GET", 404),
        ("/livez", "GET", 404),
        ("/api/user/1", "DELETE", 405),
        ("/api/user/1", "OPTIONS", 405),
        ("/api/user/1", "TRACE", 405),
        ("/api/user/1", "get", 405),
        ("/%75serposts/1", "GET", 400),
        ("/x/../userposts", "GET", 400),
        ("//userposts", "GET", 400),
        ("/userposts%0a", "GET", 400),
        ("/public/x?a=%23#b", "GET", 400),
    ],
)
async def test_what_is_refused(gateway: RunningGateway, target: str, method: str, status: int) -> None:
    """A path that no rule opens, or with a second reading, is refused to all: 403 for nginx, else as at the gate."""
    for headers in ({}, {"Authorization": gateway.sign_token()}):
        assert (await ask_as_caddy(gateway, target, method, **headers)).status_code == status
        assert (await ask_as_nginx(gateway, target, method, **headers)).status_code == 403


async def test_a_cookie_counts_as_the_original_request_allows(gateway: RunningGateway) -> None:
    """For an unsafe method the cookie counts only from a page of ours, by the original's headers."""
    cookie = gateway.seal_session()
    for ask in (ask_as_caddy, ask_as_nginx):
        assert (await ask(gateway, "/userposts", "POST", Cookie=cookie)).status_code == 401
        assert (await ask(gateway, "/userposts", "POST", Cookie=cookie, Origin="http://x.example")).status_code == 401
        assert (await ask(gateway, "/userposts", "POST", Cookie=cookie, Origin=gateway.url)).is_success
        assert (await ask(gateway, "/userposts", "POST", Cookie=cookie, Sec_Fetch_Site="same-origin")).is_success


async def test_an_upgrade_does_not_pass(gateway: RunningGateway) -> None:
    """Where the rule does not open it to WebSockets, an upgrade is refused, even to signed-in users."""
    headers = {"Authorization": gateway.sign_token(), "Connection": "upgrade", "Upgrade": "websocket"}
    assert (await ask_as_caddy(gateway, "/api/user/1", **headers)).status_code == 403


async def test_no_other_protocol_passes(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade to HTTP/2 is refused, even where the rule opens WebSockets: the proxy would send it on."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    change_rules(rules, "max_body = 10\n", "websocket = true\n")
    async with running_gateway(rules) as gateway:
        opening = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"}
        for path in ("/small", "/public/x"):
            assert (await ask_as_caddy(gateway, path, **opening)).status_code == 403
        assert (await ask_as_caddy(gateway, "/small", Connection="Upgrade", Upgrade="websocket")).is_success


async def test_another_host(gateway: RunningGateway) -> None:
    """An original request for a host that is not served is refused; the question's own Host does not matter."""
    token = gateway.sign_token()
    assert (await ask_as_caddy(gateway, "/api/user/1", Authorization=token, Host="gateway:3000")).is_success
    strange = await ask_as_caddy(gateway, "/api/user/1", Authorization=token, X_Forwarded_Host="elsewhere.example")
    assert strange.status_code == 400


async def test_a_question_in_its_path(gateway: RunningGateway) -> None:
    """A question may have the original's target below its own path, and the original's method."""
    lines = f"Authorization: {gateway.sign_token()}"
    answer = await gateway.send_head(f"GET {QUESTION}/api/user/1?a=b HTTP/1.1\r\n{lines}")
    assert status_of(answer) == 200
    assert b"gatepost-decision: allow" in answer.lower()
    assert status_of(await gateway.send_head(f"GET {QUESTION}/api/user/1 HTTP/1.1")) == 401
    assert status_of(await gateway.send_head(f"GET {QUESTION}/%75serposts HTTP/1.1\r\n{lines}")) == 400
    assert status_of(await gateway.send_head(f"DELETE {QUESTION}/api/user/1 HTTP/1.1\r\n{lines}")) == 405
    assert status_of(await gateway.send_head(f"POST {QUESTION}/userposts HTTP/1.1\r\n{lines}")) == 200


@pytest.mark.parametrize(
    "lines",
    [
        "X: y",
        "X-Forwarded-Uri: /public/x",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Uri: /public/x\r\nX-Forwarded-Uri: /public/x\r\nX-Forwarded-Method: GET",
        "X-Forwarded-Uri: /public/x\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Method: POST",
        "X-Forwarded-Uri: public/x\r\nX-Forwarded-Method: GET",
        "X-Forwarded-Uri: /public/x\r\nX-Forwarded-Method: GET\r\nX_User: 1",
    ],
)
async def test_a_question_that_can_not_be_understood(gateway: RunningGateway, lines: str) -> None:
    """Anything missing, repeated or ambiguous in a question is refused."""
    assert status_of(await gateway.send_head(f"GET {QUESTION} HTTP/1.1\r\n{lines}")) == 400


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8"])
async def test_nobody_else_is_answered(rules: Path, monkeypatch: pytest.MonkeyPatch, trusted: str) -> None:
    """For a peer that is no trusted proxy there is nothing there, whatever it says about others."""
    monkeypatch.setenv("TRUSTED_PROXIES", trusted)
    async with running_gateway(rules) as gateway:
        token = gateway.sign_token()
        unknown = await ask_as_caddy(gateway, "/public/x", Authorization=token, X_Forwarded_For="10.0.0.1")
        assert (unknown.status_code, unknown.json()) == (404, {"error": "There is nothing here"})
        assert "gatepost-decision" not in unknown.headers
        assert (await ask_as_nginx(gateway, "/public/x", Authorization=token)).status_code == 404


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("X-Forwarded-Uri: /public/x\r\nX-Forwarded-Method: GET", 400),
        ("X-Original-URL: /public/x\r\nX-Original-Method: GET", 403),
    ],
)
async def test_a_name_with_an_underscore_is_refused(gateway: RunningGateway, said: str, status: int) -> None:
    """The proxy that asks sends the client's headers on itself, so what can't be dropped here is refused."""
    question = f"GET {QUESTION} HTTP/1.1\r\n{said}"
    assert status_of(await gateway.send_head(question)) in {200, 204}
    assert status_of(await gateway.send_head(f"{question}\r\nRemote_User: 1")) == status
