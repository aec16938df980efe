"""What passes the gateway besides bodies: the caller's token, cookies, and headers; and what an upstream believes."""

import time
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream, Received

SPOOFED = {
    "Forwarded": "for=1.2.3.4",
    "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "1.2.3.4",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-Script-Name": "/public",
    "X-Scheme": "gopher+x",
    "X-HTTP-Method-Override": "DELETE",
    "X-Middleware-Subrequest": "middleware",
    "X-User-Id": "1",
    "X-Auth-Request-Email": "root@example.com",
    "Remote-User": "root",
    "Proxy": "http://evil.example",
    "Proxy-Authorization": "Basic eA==",
    "TE": "trailers",
    "Keep-Alive": "timeout=1000",
}


async def test_spoofed_headers_never_arrive(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """Headers that an upstream could take for the gateway's own are the gateway's; all others pass."""
    await client.get("/public/x", headers={**SPOOFED, "X-Mine": "kept", "Connection": "x-gone", "X-Gone": "1"})
    (request,) = posts.received
    values = {value for _, value in request.headers}
    assert not values & set(SPOOFED.values())
    assert request.values("x-mine") == ["kept"]
    assert request.values("x-gone") == []


async def test_the_gateway_says_where_a_request_came_from(gateway: RunningGateway, posts: RawUpstream) -> None:
    """The upstream learns the client's address, the public host and scheme, and the request's id."""
    async with gateway.client() as client:
        answer = await client.get("/public/x")
        named = await client.get("/public/x", headers={"X-Request-ID": "an-id-of-mine-1"})
    first, second = posts.received
    assert first.values("x-forwarded-for") == ["127.0.0.1"]
    assert first.values("x-forwarded-proto") == ["http"]
    assert first.values("x-forwarded-host") == first.values("host") == [gateway.host]
    assert first.values("x-request-id") == [answer.headers["x-request-id"]]
    assert second.values("x-request-id") == [named.headers["x-request-id"]] == ["an-id-of-mine-1"]


async def test_a_trace_goes_on(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A client's trace continues under a span of the gateway's; without a valid one a trace begins there."""
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    sent = {"traceparent": f"00-{trace_id}-{span_id}-01", "tracestate": "vendor=1"}
    async with gateway.client() as client:
        await client.get("/public/x", headers=sent)
        begun = await client.get("/public/x", headers={**sent, "traceparent": "nonsense"})
    first, second = posts.received
    (parent,) = first.values("traceparent")
    assert parent.startswith(f"00-{trace_id}-")
    assert span_id not in parent
    assert first.values("tracestate") == ["vendor=1"]
    (parent,) = second.values("traceparent")
    assert parent.split("-")[1] == begun.headers["x-request-id"]
    assert second.values("tracestate") == []


async def test_the_path_is_canonical_and_the_query_opaque(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """Korean and spaces in a path and any query pass as they are."""
    await client.get("/public/%EC%95%88%EB%85%95%20a+b?q=%2F..%00&r=[1]&&")
    assert posts.received[0].target.startswith("/public/%EC%95%88%EB%85%95%20a+b?q=%2F..%00&r=")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
async def test_a_token_arrives_as_bearer(gateway: RunningGateway, posts: RawUpstream, scheme: str) -> None:
    """A valid token, bare or after Bearer, opens a protected path and arrives as Bearer."""
    token = gateway.sign_token()
    async with gateway.client() as client:
        answer = await client.get("/api/user/7", headers={"Authorization": scheme + token})
    assert answer.status_code == 200
    assert posts.received[0].values("authorization") == [f"Bearer {token}"]
    assert answer.headers["cache-control"] == "no-store"


async def test_anonymous_at_a_protected_path(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """Without a valid token a protected path answers 401, says why, and contacts nobody."""
    missing = await client.get("/api/user/7")
    wrong = await client.get("/api/user/7", headers={"Authorization": "Bearer nonsense"})
    for answer in (missing, wrong):
        assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert missing.headers["www-authenticate"] == 'Bearer realm="gatepost"'
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert posts.received == []


async def test_a_wrong_token_at_a_public_path(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """On a public path a caller without a valid token is anonymous; what they sent as a credential goes no further."""
    assert (await client.get("/public/x", headers={"Authorization": "Bearer nonsense"})).status_code == 200
    assert posts.received[0].values("authorization") == []


async def test_the_session_cookie_becomes_a_token(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A browser's session cookie opens a page; the upstream gets the token inside, and not the cookie."""
    token = gateway.sign_token()
    async with gateway.client() as client:
        cookies = f"theme=dark; {gateway.seal_session(token)}; next-auth.csrf-token=a"
        answer = await client.get("/userposts/1", headers={"Cookie": cookies})
    assert answer.status_code == 200
    (request,) = posts.received
    assert request.values("authorization") == [f"Bearer {token}"]
    assert request.values("cookie") == ["theme=dark"]


async def test_nextauths_cookies_go_to_the_auth_service(gateway: RunningGateway, auth: RawUpstream) -> None:
    """The service that issues the cookies gets them all."""
    cookies = f"theme=dark; {gateway.seal_session()}; next-auth.csrf-token=a"
    async with gateway.client() as client:
        await client.get("/api/auth/session", headers={"Cookie": cookies})
    assert auth.received[0].values("cookie") == [cookies]


async def test_a_word_and_no_name_says_who_gets_nextauths_cookies(
    rules: Path, auth: RawUpstream, posts: RawUpstream
) -> None:
    """An upstream gets the cookies by ``session_cookies`` in the policy: one called auth does not without it."""
    change_rules(rules, "[upstreams.auth]", "[upstreams.identity]")
    change_rules(rules, 'upstream = "auth"', 'upstream = "identity"')
    change_rules(rules, "posts = ", "auth = ")
    change_rules(rules, 'upstream = "posts"', 'upstream = "auth"')
    async with running_gateway(rules) as gateway, gateway.client() as client:
        cookies = f"theme=dark; {gateway.seal_session()}; next-auth.csrf-token=a"
        for path in ("/api/auth/session", "/public/x"):
            await client.get(path, headers={"Cookie": cookies})
    assert auth.received[0].values("cookie") == [cookies]
    assert posts.received[0].values("cookie") == ["theme=dark"]


async def test_an_expired_token_in_a_session_cookie(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A session cookie proves no more than the token in it."""
    old = gateway.credentials.tokens.sign(
        user_id=7,
        name="A",
        email="a@b.c",
        session_id="0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c",
        now=int(time.time()) - 7200,
    )
    async with gateway.client() as client:
        answer = await client.get("/api/user/7", headers={"Cookie": gateway.seal_session(old)})
    assert answer.status_code == 401
    assert "expired" in answer.headers["www-authenticate"]
    assert posts.received == []


FOREIGN = [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
OWN = [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "PUBLIC"}]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_cookie_on_a_request_of_another_site(
    gateway: RunningGateway, posts: RawUpstream, headers: dict[str, str]
) -> None:
    """A POST that is not provably from a page of ours is anonymous, whatever cookie the browser adds."""
    async with gateway.client() as client:
        answer = await client.post("/userposts/new", headers={**headers, "Cookie": gateway.seal_session()})
    assert answer.status_code == 401
    assert posts.received == []


@pytest.mark.parametrize("headers", OWN)
async def test_a_cookie_on_a_request_of_our_own_page(
    gateway: RunningGateway, posts: RawUpstream, headers: dict[str, str]
) -> None:
    """A POST from a page of ours counts as the signed-in user's."""
    proof = {name: value.replace("PUBLIC", gateway.url) for name, value in headers.items()}
    async with gateway.client() as client:
        answer = await client.post("/userposts/new", headers={**proof, "Cookie": gateway.seal_session()})
    assert answer.status_code == 200
    assert posts.received[0].values("authorization")


async def test_an_anonymous_browser_is_sent_to_sign_in(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """A page that needs a user redirects to the sign-in page and back; a script gets 401."""
    answer = await client.get("/userposts/1?a=b", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer.headers["location"] == "/api/auth/signin?callbackUrl=%2Fuserposts%2F1%3Fa%3Db"
    assert answer.headers["cache-control"] == "no-store"
    assert (await client.get("/userposts/1", headers={"Sec-Fetch-Mode": "cors"})).status_code == 401
    assert posts.received == []


async def test_what_an_answer_brings_back(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """An answer's own headers pass; those of its connection and of its server do not, and there is one date."""

    async def answer(request: Received) -> None:
        lines = "Server: secret/1.0\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nKeep-Alive: timeout=5\r\n"
        lines += "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Request-ID: another\r\nProxy-Authenticate: Basic\r\n"
        await request.answer(b"ok", headers=lines + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Mine: 1\r\n")

    posts.script = answer
    found = await client.get("/public/x", headers={"X-Request-ID": "an-id-of-mine-1"})
    names = [name.lower() for name, _ in found.headers.multi_items()]
    assert not {"server", "keep-alive", "connection", "x-hop", "proxy-authenticate"} & set(names)
    assert found.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert found.headers["x-request-id"] == "an-id-of-mine-1"
    assert names.count("date") == 1
    assert "2001" not in found.headers["date"]
    assert found.headers["x-mine"] == "1"


async def test_options_is_answered_here(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """OPTIONS is answered with what is allowed, without an upstream; a method that no rule has gets 405."""
    answer = await client.options("/api/user/7")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await client.delete("/api/user/7")).headers["allow"] == "GET, HEAD, OPTIONS"
    assert posts.received == []
