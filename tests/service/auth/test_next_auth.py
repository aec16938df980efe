"""NextAuth's protocol: what ``next-auth/react`` sends and gets."""

import json
import re
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.next_auth import CALLBACK, CALLBACK_COOKIE, CSRF_COOKIE, SESSION_COOKIE, open_session_cookie
from tests.support.people import PASSWORD, Person
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running


async def test_the_csrf_token_stays_the_same(client: httpx2.AsyncClient) -> None:
    """A browser gets a csrf token with its cookie, and the same token each time it asks again, never cached."""
    first = await client.get("/api/auth/csrf")
    assert re.fullmatch(r"[0-9a-f]{64}", first.json()["csrfToken"])
    cookie = first.headers["set-cookie"]
    assert re.fullmatch(CSRF_COOKIE + r"=[0-9a-f]{64}%7C[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Lax", cookie)
    assert first.headers["cache-control"] == "private, no-cache, no-store"
    assert (first.headers["pragma"], first.headers["expires"]) == ("no-cache", "0")
    again = await client.get("/api/auth/csrf")
    assert again.json() == first.json()
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("cookie", ["nonsense", "a" * 64, f"{'a' * 64}|{'b' * 64}"])
async def test_a_csrf_cookie_that_is_not_ours_is_replaced(client: httpx2.AsyncClient, cookie: str) -> None:
    """A csrf cookie that we did not make is ignored and overwritten."""
    answer = await client.get("/api/auth/csrf", headers={"cookie": f"{CSRF_COOKIE}={cookie}"})
    assert not cookie.startswith(answer.json()["csrfToken"])
    assert answer.headers["set-cookie"].startswith(f"{CSRF_COOKIE}={answer.json()['csrfToken']}")


async def test_there_is_one_provider(client: httpx2.AsyncClient) -> None:
    """The only provider is ``credentials``, with absolute URLs, and no cookie is set."""
    answer = await client.get("/api/auth/providers")
    assert answer.json() == {
        "credentials": {
            "id": "credentials",
            "name": "Credentials",
            "type": "credentials",
            "signinUrl": f"{PUBLIC_URL}/api/auth/signin/credentials",
            "callbackUrl": f"{PUBLIC_URL}/api/auth/callback/credentials",
        }
    }
    assert "set-cookie" not in answer.headers


async def test_signing_in_sets_the_session_cookie(client: httpx2.AsyncClient, ada: Person) -> None:
    """With the right credentials: 200, the absolute callback URL, and the session in NextAuth's own cookie."""
    answer = await next_auth.sign_in(client, ada.email, callbackUrl="/userposts?x=1")
    assert (answer.status_code, answer.json()) == (200, {"url": f"{PUBLIC_URL}/userposts?x=1"})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(SESSION_COOKIE))
    assert re.search(r"; Path=/; Expires=\w{3}, [^;]+ GMT; HttpOnly; SameSite=Lax$", cookie)
    claims = open_session_cookie(client)
    assert set(claims) == {"name", "email", "sub", "id", "sid", "accessToken", "iat", "exp", "jti"}
    assert (claims["id"], claims["sub"], claims["email"]) == (ada.id, str(ada.id), ada.email)
    me = await client.get("/api/me", headers={"authorization": str(claims["accessToken"])})
    assert me.json()["id"] == ada.id


@pytest.mark.parametrize("member", ["username", "email"])
async def test_credentials_may_come_as_json(client: httpx2.AsyncClient, ada: Person, member: str) -> None:
    """The credentials may come as JSON, with the e-mail address under either name."""
    body = {"csrfToken": await next_auth.get_csrf_token(client), "json": "true", "password": PASSWORD, "extra": 1}
    answer = await client.post(CALLBACK, json={**body, member: ada.email})
    assert (answer.status_code, answer.json()) == (200, {"url": PUBLIC_URL})


@pytest.mark.parametrize("password", ["not the password", "", "NUL\0", "x" * 2000])
async def test_wrong_credentials(client: httpx2.AsyncClient, ada: Person, password: str) -> None:
    """Wrong credentials are 401 with the error's URL, the same for an unknown e-mail, and set no session."""
    for email in (ada.email, "nobody@example.com", "NUL\0"):
        answer = await next_auth.sign_in(client, email, password)
        expected = f"{PUBLIC_URL}/api/auth/error?error=CredentialsSignin&provider=credentials"
        assert (answer.status_code, answer.json()) == (401, {"url": expected})
        assert SESSION_COOKIE not in client.cookies


async def test_a_service_that_can_t_sign_in_says_so_with_a_url(tmp_path: Path, ada: Person) -> None:
    """Without a database the client gets 503, a URL that names the error, which it reads, and ``Retry-After``.

    A browser gets the form again, with what it typed.
    """
    settings = auth_settings(f"postgresql://auth@/auth?host={tmp_path}")
    async with running(create_app(settings, Metrics())) as app, client_of(app) as client:
        answer = await next_auth.sign_in(client, ada.email)
        form = {"csrfToken": await next_auth.get_csrf_token(client), "username": ada.email, "password": PASSWORD}
        page = await client.post(CALLBACK, data=form, headers={"accept": "text/html"})
        shown = await client.get("/api/auth/error?error=Unavailable")
    url = f"{PUBLIC_URL}/api/auth/error?error=Unavailable&provider=credentials"
    assert (answer.status_code, answer.json()) == (503, {"url": url, "retryAfter": int(answer.headers["retry-after"])})
    assert (page.status_code, page.headers["retry-after"]) == (503, answer.headers["retry-after"])
    assert read_forms(page.text)[CALLBACK].fields["email"] == ada.email
    assert shown.headers["location"] == f"{PUBLIC_URL}/api/auth/signin?error=Unavailable"


@pytest.mark.parametrize("token", ["", "undefined", "a" * 64, "é"])
async def test_signing_in_needs_the_csrf_token(client: httpx2.AsyncClient, ada: Person, token: str) -> None:
    """Without the csrf token of its own browser: 403, and nobody is signed in."""
    answer = await next_auth.sign_in(client, ada.email, csrfToken=token)
    assert answer.status_code == 403
    assert answer.json() == {"url": f"{PUBLIC_URL}/api/auth/signin?csrf=true&error=MissingCSRF"}
    assert SESSION_COOKIE not in client.cookies


async def test_a_csrf_token_needs_its_cookie(app: Starlette, client: httpx2.AsyncClient, ada: Person) -> None:
    """A token from one browser is worthless in another."""
    token = await next_auth.get_csrf_token(client)
    async with client_of(app) as other:
        form = {"csrfToken": token, "username": ada.email, "password": PASSWORD, "json": "true"}
        assert (await other.post(CALLBACK, data=form)).status_code == 403


async def test_without_json_mode_a_browser_is_redirected(client: httpx2.AsyncClient, ada: Person) -> None:
    """Only ``json`` equal to the text ``true`` asks for JSON; otherwise signing in redirects."""
    for said in ({"json": "True"}, {"json": "1"}, {"json": ""}):
        answer = await next_auth.sign_in(client, ada.email, callbackUrl="/userposts", **said)
        assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}/userposts")


async def test_where_to_go_is_remembered(client: httpx2.AsyncClient, ada: Person) -> None:
    """The body decides where to go, then the query, then the cookie, then the first page; only pages of ours."""
    cookie = {CALLBACK_COOKIE: "http%3A%2F%2Flocalhost%3A3000%2Fcookie"}
    cases = [
        ({"callbackUrl": "/body"}, "?callbackUrl=/query", cookie, "/body"),
        ({}, "?callbackUrl=/query", cookie, "/query"),
        ({}, "", cookie, "/cookie"),
        ({}, "", {}, ""),
        ({"callbackUrl": "https://evil.example/"}, "", {}, ""),
        ({"callbackUrl": "//evil.example"}, "", {}, ""),
        ({}, "", {CALLBACK_COOKIE: "https%3A%2F%2Fevil.example"}, ""),
        ({}, "", {CALLBACK_COOKIE: "javascript%3Aalert(1)"}, ""),
    ]
    token = await next_auth.get_csrf_token(client)
    csrf_cookie = f"{CSRF_COOKIE}={client.cookies[CSRF_COOKIE]}"
    for body, query, cookies, path in cases:
        form = {"csrfToken": token, "json": "true", "username": ada.email, "password": PASSWORD, **body}
        header = "; ".join([csrf_cookie, *(f"{name}={value}" for name, value in cookies.items())])
        client.cookies.clear()
        answer = await client.post(CALLBACK + query, data=form, headers={"cookie": header})
        assert answer.json() == {"url": PUBLIC_URL + path}, (body, query, cookies)
        assert all("evil" not in value for value in answer.headers.get_list("set-cookie"))


async def test_start_of_sign_in_names_the_sign_in_page(client: httpx2.AsyncClient) -> None:
    """``POST /signin/credentials`` returns the URL of the sign-in page, marked if the csrf token is missing."""
    fields = {"csrfToken": await next_auth.get_csrf_token(client)}
    answer = await client.post("/api/auth/signin/credentials", data={**fields, "json": "true"})
    assert answer.json() == {"url": f"{PUBLIC_URL}/api/auth/signin"}
    answer = await client.post("/api/auth/signin/credentials", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}/api/auth/signin")
    answer = await client.post("/api/auth/signin/credentials", data={"json": "true"})
    assert answer.json() == {"url": f"{PUBLIC_URL}/api/auth/signin?csrf=true"}


async def test_sign_out_remembers_where_it_led_to(client: httpx2.AsyncClient) -> None:
    """``POST /signout`` keeps its destination in the callback cookie, as signing in does."""
    answer = await next_auth.sign_out(client, callbackUrl="/posts/1")
    assert answer.json() == {"url": f"{PUBLIC_URL}/posts/1"}
    assert client.cookies[CALLBACK_COOKIE] == "http%3A%2F%2Flocalhost%3A3000%2Fposts%2F1"


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/callback", "/callback/github", "/signin/a/b", "/csrf/x"])
async def test_anything_else_is_a_bad_request(client: httpx2.AsyncClient, path: str) -> None:
    """Anything that is not part of the protocol is 400, whatever the method."""
    for method in ("GET", "POST", "PUT"):
        assert (await client.request(method, f"/api/auth{path}")).status_code == 400


async def test_nobody_signs_in_with_an_unknown_provider(client: httpx2.AsyncClient) -> None:
    """Starting to sign in with an unknown provider is a bad request."""
    assert (await client.post("/api/auth/signin/github")).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "callback/credentials"), ("POST", "csrf"), ("DELETE", "session"), ("PUT", "signout")]
)
async def test_another_method_is_not_allowed(client: httpx2.AsyncClient, method: str, path: str) -> None:
    """A known path with another method is 405 with ``Allow``."""
    answer = await client.request(method, f"/api/auth/{path}")
    assert answer.status_code == 405
    assert "OPTIONS" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        ("[]", "application/json", 400),
        ("{", "application/json", 400),
        (json.dumps({"csrfToken": 1, "json": "true"}), "application/json", 403),
        ('{"callbackUrl": "\\ud800", "json": "true"}', "application/json", 403),
        ('{"username": "\\ud800"}', "application/json", 403),
        ("a=%ff", "application/x-www-form-urlencoded", 400),
        ("x" * 33_000, "application/x-www-form-urlencoded", 413),
        ("csrfToken=1", "text/plain", 415),
    ],
)
async def test_odd_bodies_are_refused(client: httpx2.AsyncClient, content: str, media_type: str, status: int) -> None:
    """A body that can't be read is refused with the status for its fault, never with 500."""
    answer = await client.post(CALLBACK, content=content, headers={"content-type": media_type})
    assert answer.status_code == status


async def test_what_a_client_logs_is_dropped(client: httpx2.AsyncClient) -> None:
    """``POST /_log`` accepts short bodies of any kind and returns nothing."""
    answer = await client.post("/api/auth/_log", content="code=X&level=error")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.post("/api/auth/_log", content="x" * 5000)).status_code == 413


@pytest.mark.parametrize(("content", "status"), [("{", 400), ("code=X", 400), ("{}", 200), ('"x"', 200), ("", 200)])
async def test_what_is_logged_as_json_is_json(client: httpx2.AsyncClient, content: str, status: int) -> None:
    """A log body declared as JSON that is not is a bad request, as in Next.js."""
    answer = await client.post("/api/auth/_log", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status


@pytest.mark.parametrize("provider", ["credentials", "github"])
async def test_the_address_of_a_provider_shows_the_sign_in_page(client: httpx2.AsyncClient, provider: str) -> None:
    """``GET /signin/credentials``, which ``/providers`` names, is the sign-in page, as for any provider."""
    answer = await client.get(f"/api/auth/signin/{provider}?callbackUrl=/userposts%3Fa=b")
    assert answer.status_code == 200
    assert read_forms(answer.text)[CALLBACK].fields["callbackUrl"] == f"{PUBLIC_URL}/userposts?a=b"
    assert client.cookies[CALLBACK_COOKIE] == "http%3A%2F%2Flocalhost%3A3000%2Fuserposts%3Fa%3Db"


@pytest.mark.parametrize("wrong", [{"password": "not the password"}, {"csrfToken": "a" * 64}])
async def test_a_refused_sign_in_keeps_where_to_go(
    client: httpx2.AsyncClient, ada: Person, wrong: dict[str, str]
) -> None:
    """With the refusal the browser gets the callback cookie: a second try leads where the first would have."""
    refused = await next_auth.sign_in(client, ada.email, callbackUrl="/userposts?page=2", **wrong)
    assert refused.status_code in (401, 403)
    assert (await next_auth.sign_in(client, ada.email)).json() == {"url": f"{PUBLIC_URL}/userposts?page=2"}


async def test_a_long_destination_is_kept_by_the_form(client: httpx2.AsyncClient, ada: Person) -> None:
    """A destination of 8,192 bytes is reached; it is not put into a cookie, which a browser would drop."""
    place = "/userposts?q=" + "a%2F/" * 1635 + "abcd"
    assert len(place) == 8192
    await next_auth.sign_in(client, ada.email, "not the password", callbackUrl="/posts/1")
    assert CALLBACK_COOKIE in client.cookies
    page = await client.get("/api/auth/signin", params={"callbackUrl": place[:3000] + "b"})
    form = read_forms(page.text)[CALLBACK].fields
    assert form["callbackUrl"] == f"{PUBLIC_URL}{place[:3000]}b"
    answer = await next_auth.sign_in(client, ada.email, callbackUrl=place)
    assert answer.json() == {"url": PUBLIC_URL + place}
    assert CALLBACK_COOKIE not in client.cookies
    assert all(len(line.partition(";")[0]) <= 4096 for line in answer.headers.get_list("set-cookie"))
    assert all(len(link) < 8300 for link in re.findall('href="([^"]*)"', page.text))


async def test_urls_come_from_the_settings_and_never_from_the_request(app: Starlette) -> None:
    """A forged Host or X-Forwarded-Host changes no URL that is sent out."""
    async with client_of(app, "http://evil.example") as stranger:
        headers = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
        for path in ("/api/auth/providers", "/api/auth/error?error=Signin", "/api/auth/signin"):
            answer = await stranger.get(path, headers=headers)
            assert "evil" not in answer.text + str(answer.headers)


async def test_under_https_cookies_are_secure_and_prefixed(auth_database_url: str) -> None:
    """Under https every cookie is ``Secure`` and has NextAuth's prefix, and HSTS is sent."""
    app = create_app(auth_settings(auth_database_url, nextauth_url="https://gate.example"), Metrics())
    async with client_of(app, "https://gate.example") as client:
        answer = await client.get("/api/auth/signin?callbackUrl=/userposts")
    cookies = sorted(answer.headers.get_list("set-cookie"))
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "__Host-next-auth.csrf-token",
        "__Secure-next-auth.callback-url",
    ]
    assert all("; Secure" in cookie and "; Path=/" in cookie for cookie in cookies)
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_signing_in_again_ends_the_browser_s_session(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A browser has one session: signing in again ends the one before, and no session of another device."""
    await next_auth.sign_in(client, ada.email)
    first = str(open_session_cookie(client)["sid"])
    await next_auth.sign_in(client, ada.email, "not the password")
    assert await database.fetchval("SELECT revoked_at FROM sessions WHERE id = $1", first) is None
    await next_auth.sign_in(client, ada.email)
    second = str(open_session_cookie(client)["sid"])
    rows = await database.fetch("SELECT id::text, revoked_because FROM sessions ORDER BY created_at")
    assert [tuple(row) for row in rows] == [(ada.session_id, None), (first, "replaced"), (second, None)]
