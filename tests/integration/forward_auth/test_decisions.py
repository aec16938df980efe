"""The gateway's decision ahead of an application, behind a real proxy that is configured as documented."""

import httpx2
import pytest

from tests.support.next_auth import SESSION_COOKIE, sign_in
from tests.support.people import Person
from tests.support.proxies import Proxy
from tests.support.raw_upstream import RawUpstream

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
FORGED = {
    "X-User": "1",
    "X-User-Id": "forged",
    "X_User": "forged",
    "X_User_Id": "forged",
    "X-Auth-User": "forged",
    "X-Auth-Request-Email": "forged",
    "X-Remote-User": "forged",
    "Remote-User": "forged",
    "REMOTE_USER": "forged",
    "X-Real-IP": "203.0.113.99",
    "Forwarded": "for=203.0.113.99;host=forged.example",
    "X-Forwarded-For": "203.0.113.99",
    "X_Forwarded_For": "203.0.113.99",
    "X-Forwarded-Host": "forged.example",
    "X-Forwarded-Proto": "forged",
    "X-Forwarded-Port": "forged",
    "X-Forwarded-User": "forged",
    "X-Forwarded-Email": "forged",
    "X-Forwarded-Uri": "/signup",
    "X-Forwarded-Method": "FORGED",
    "X-Original-URL": "/signup",
    "X-Original-Method": "FORGED",
    "X-Rewrite-URL": "/signup",
    "X-Script-Name": "/reports",
    "X-HTTP-Method-Override": "FORGED",
    "X-Middleware-Subrequest": "forged",
    "Gatepost-Decision": "allow",
    "X_Authorization": "forged",
    "Proxy": "forged",
}


async def test_an_anonymous_browser_is_sent_to_the_sign_in_page(
    client: httpx2.AsyncClient, application: RawUpstream, proxy: Proxy
) -> None:
    """Who asks for a page anonymously gets 302 to the sign-in page, which leads back to path and query."""
    answer = await client.get("/reports/2026?of=all&by=day", headers=NAVIGATION)
    assert answer.status_code == 302
    wanted = "%2Freports%2F2026%3Fof%3Dall%26by%3Dday"
    assert answer.headers["location"] == f"{proxy.url}/api/auth/signin?callbackUrl={wanted}"
    assert application.received == []


@pytest.mark.parametrize("credential", [None, "nonsense", "Bearer nonsense"])
async def test_an_anonymous_caller_of_the_api_gets_401(
    client: httpx2.AsyncClient, application: RawUpstream, credential: str | None
) -> None:
    """Without a valid token the API answers 401, the common body and a challenge, and nothing is reached."""
    headers = {"Authorization": credential} if credential else {}
    answer = await client.get("/api/reports/2026", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert application.received == []


async def test_a_token_passes_and_reaches_the_application_as_bearer(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """A valid token, bare or after Bearer, passes, and the application gets it as Bearer."""
    for credential in (ada.token, f"Bearer {ada.token}"):
        answer = await client.get("/api/reports/2026?a=b", headers={"Authorization": credential})
        assert answer.status_code == 200
        received = application.received.pop()
        assert received.target == "/api/reports/2026?a=b"
        assert received.values("authorization") == [f"Bearer {ada.token}"]


async def test_a_session_cookie_passes_and_does_not_reach_the_application(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """Who signed in through the proxy passes; the application gets the token, its own cookies, and not NextAuth's."""
    assert (await sign_in(client, ada.email)).status_code == 200
    client.cookies.set("theme", "dark")
    answer = await client.get("/reports", headers=NAVIGATION)
    assert answer.status_code == 200
    (received,) = application.received
    assert received.values("authorization")[0].startswith("Bearer ey")
    assert received.values("cookie") == ["theme=dark"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Origin": "https://elsewhere.example"}, 401), ({"Sec-Fetch-Site": "cross-site"}, 401)],
)
async def test_another_site_can_not_use_the_cookie(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, headers: dict[str, str], status: int
) -> None:
    """A cookie does not count for a POST unless the request provably comes from a page of ours."""
    await sign_in(client, ada.email)
    assert (await client.post("/api/reports", headers=headers, content=b"x")).status_code == status
    assert application.received == []


async def test_our_own_page_can_use_the_cookie(
    client: httpx2.AsyncClient, application: RawUpstream, proxy: Proxy, ada: Person
) -> None:
    """A POST with the cookie from a page of ours passes, and its body arrives."""
    await sign_in(client, ada.email)
    for headers in ({"Origin": proxy.url}, {"Sec-Fetch-Site": "same-origin"}):
        answer = await client.post("/api/reports", headers=headers, content=b"a body")
        assert answer.status_code == 200
        received = application.received.pop()
        assert (received.method, received.values("content-length")) == ("POST", ["6"])


async def test_forged_headers_never_reach_the_application(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """What claims who or where a caller is stops at the proxy, whoever sends it."""
    answer = await client.get("/api/reports/1", headers={**FORGED, **ada.bearer})
    assert answer.status_code == 200
    (received,) = application.received
    reached = {name.lower().replace("_", "-"): value for name, value in received.headers}
    assert received.values("authorization") == [f"Bearer {ada.token}"]
    for name, value in FORGED.items():
        assert reached.get(name.lower().replace("_", "-")) != value, name
    assert not [name for name, _ in received.headers if "_" in name]


@pytest.mark.parametrize("forged", [{"Authorization": "Bearer forged"}, {"Cookie": f"{SESSION_COOKIE}=forged; a=b"}])
async def test_a_forged_credential_does_not_reach_what_is_public(
    client: httpx2.AsyncClient, application: RawUpstream, forged: dict[str, str]
) -> None:
    """Where everybody may pass, a credential that proves nothing stops at the proxy all the same."""
    assert (await client.get("/news/1", headers=forged)).status_code == 200
    (received,) = application.received
    assert received.values("authorization") in ([], [""])
    assert received.values("cookie") in ([], [""], ["a=b"])


@pytest.mark.parametrize("path", ["/reports/1", "/api/reports/1"])
async def test_forged_headers_open_nothing(client: httpx2.AsyncClient, application: RawUpstream, path: str) -> None:
    """An anonymous caller with every forged header at once is as anonymous as without."""
    answer = await client.get(path, headers={**FORGED, "Authorization": "Bearer forged"})
    assert answer.status_code in {302, 401}
    assert application.received == []


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_header_opens_nothing(client: httpx2.AsyncClient, application: RawUpstream, name: str) -> None:
    """Nor does any single one of them, beside a session cookie that is none."""
    headers = {name: FORGED[name], "Cookie": f"{SESSION_COOKIE}=forged"}
    assert (await client.get("/api/reports/1", headers=headers)).status_code in {401, 403}
    assert application.received == []


async def test_a_path_without_a_rule_is_denied(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """What no rule names is denied to everybody, and so is asking the decision endpoint from outside."""
    for path in ("/", "/elsewhere", "/_gateway/auth", "/_gateway/auth/reports", "/_gatepost", "/internal/x"):
        for headers in ({}, ada.bearer):
            assert (await client.get(path, headers=headers)).status_code in {403, 404}
    assert application.received == []


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
async def test_a_method_that_no_rule_has_is_denied(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, method: str
) -> None:
    """A method beyond the rule's is denied, also where the gateway itself would answer it."""
    answer = await client.request(method, "/api/reports/1", headers=ada.bearer)
    assert answer.status_code in {403, 405}
    assert application.received == []


async def test_strangers_get_no_account_and_nothing(
    client: httpx2.AsyncClient, application: RawUpstream, bob: Person
) -> None:
    """Nobody signs up, by no way that the proxy has; and who has an account without the role sees nothing."""
    assert (await client.get("/signup", headers=NAVIGATION)).status_code == 404
    stranger = {"name": "Eve", "email": "eve@example.com", "password": "correct horse battery"}
    assert (await client.post("/api/user", json=stranger)).status_code in {403, 404}
    page = (await client.get("/api/auth/signin", headers=NAVIGATION)).text
    for path in ("/signup", "/account", "/docs", ""):
        assert f'href="{path or "/"}"' not in page
    for path in ("/reports", "/api/reports/1"):
        assert (await client.get(path, headers=bob.bearer)).status_code == 403
    assert application.received == []


async def test_an_upgrade_is_not_passed_on(client: httpx2.AsyncClient, application: RawUpstream, ada: Person) -> None:
    """No connection becomes a WebSocket behind the gateway's back."""
    opening = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {**ada.bearer, **opening, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert (await client.get("/api/reports/1", headers=headers)).status_code in {200, 403}
    assert not any(received.values("upgrade") for received in application.received)


async def test_another_host_reaches_nobody(client: httpx2.AsyncClient, application: RawUpstream, ada: Person) -> None:
    """A request for a host that is not served does not reach the application (Caddy answers it with an empty 200)."""
    answer = await client.get("/api/reports/1", headers={**ada.bearer, "Host": "elsewhere.example"})
    assert answer.status_code in {400, 403} or answer.content == b""
    assert application.received == []
