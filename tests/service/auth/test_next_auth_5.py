"""Version 5 of NextAuth's protocol: what its client gets, and that of its cookie only the session's row decides."""

import time
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.service.auth.test_internal import service_token
from tests.support import next_auth
from tests.support.letters import list_letters, running_with_mail
from tests.support.next_auth_5 import (
    JSON_MODE,
    NAMES,
    SEALER,
    SETTING,
    get_session,
    open_session,
    roll,
    sign_in,
    sign_out,
    submit,
)
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

BAD_REQUEST = (400, "Bad request.")


@pytest.fixture(scope="module")
async def app_5(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give the running auth service that speaks version 5."""
    del app  # the tables are there
    async with running(create_app(auth_settings(auth_database_url, **SETTING), Metrics())) as app_5:
        await app_5.state.parts.database.wait_until_ready()
        yield app_5


@pytest.fixture
async def browser(app_5: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of its own."""
    del database  # it has been emptied
    async with client_of(app_5) as client:
        yield client


@pytest.fixture
async def signed_in(browser: httpx2.AsyncClient, ada: Person) -> httpx2.AsyncClient:
    """Give the browser in which Ada has signed in."""
    await sign_in(browser, ada.email)
    return browser


@pytest.fixture
async def grace(client: httpx2.AsyncClient) -> Person:
    """Give somebody else."""
    return await sign_up_and_in(client, "Grace Hopper")


# What the client gets


async def test_signing_in(browser: httpx2.AsyncClient, ada: Person) -> None:
    """The right password answers 200 and the URL, and seals the session in version 5's own cookie."""
    answer = await sign_in(browser, ada.email, callbackUrl="/userposts?x=1")
    assert (answer.status_code, answer.json()) == (200, {"url": f"{PUBLIC_URL}/userposts?x=1"})
    claims = open_session(browser.cookies[NAMES.session])
    assert set(claims) == {"name", "email", "sub", "id", "sid", "accessToken", "iat", "exp", "jti"}
    assert {each for each in browser.cookies if "next-auth" in each} == set()


async def test_session(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """The session has the user with a text as id, as version 5 has it, and a token that the API takes."""
    session = await get_session(signed_in)
    assert isinstance(session, dict)
    user = session["user"]
    assert (user["id"], user["sub"], user["name"]) == (str(ada.id), str(ada.id), ada.name)
    me = await signed_in.get("/api/me", headers={"authorization": user["accessToken"]})
    assert me.json()["id"] == ada.id


async def test_nobody_is_null(browser: httpx2.AsyncClient) -> None:
    """Nobody's session is ``null``: ``{}`` would be a session to this client."""
    assert await get_session(browser) is None
    assert await get_session(browser, {NAMES.session: "nonsense"}) is None


@pytest.mark.parametrize("password", ["not the password", ""])
async def test_a_wrong_password(browser: httpx2.AsyncClient, ada: Person, password: str) -> None:
    """A wrong password answers 200 with the error and its code in the URL, which the client reads there."""
    answer = await sign_in(browser, ada.email, password)
    url = f"{PUBLIC_URL}/api/auth/signin?error=CredentialsSignin&code=credentials"
    assert (answer.status_code, answer.json()) == (200, {"url": url})
    assert NAMES.session not in browser.cookies


async def test_the_sign_in_page_says_what_the_code_says(browser: httpx2.AsyncClient) -> None:
    """Where an error of ours is a code, the page that the client leads to has the error's own sentence."""
    page = await browser.get("/api/auth/signin?error=CredentialsSignin&code=TooManyAttempts")
    assert "Too many attempts." in page.text
    page = await browser.get("/api/auth/signin?error=CredentialsSignin&code=credentials")
    assert "That e-mail address or password is not right." in page.text


@pytest.mark.parametrize("path", ["/callback/credentials", "/signin/credentials", "/signout"])
async def test_a_missing_csrf_token(browser: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Without the browser's csrf token nothing is done, and the URL says so."""
    answer = await submit(browser, path, username=ada.email, password=PASSWORD, csrfToken="a" * 64)
    assert (answer.status_code, answer.json()) == (200, {"url": f"{PUBLIC_URL}/api/auth/signin?error=MissingCSRF"})
    assert NAMES.session not in browser.cookies


async def test_an_update_without_a_csrf_token(signed_in: httpx2.AsyncClient) -> None:
    """``update`` without the csrf token is 400 and ``null``; with it the session comes back."""
    answer = await signed_in.post("/api/auth/session", json={"data": {"name": "Ada"}})
    assert (answer.status_code, answer.json()) == (400, None)
    body = {"csrfToken": await next_auth.get_csrf_token(signed_in), "data": {"name": "Countess Lovelace"}}
    answer = await signed_in.post("/api/auth/session", json=body)
    assert answer.json()["user"]["name"] == "Countess Lovelace"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/nothing"),
        ("POST", "/_log"),
        ("GET", "/session/credentials"),
        ("POST", "/callback/nobody"),
    ],
)
async def test_what_is_no_part_of_the_protocol(browser: httpx2.AsyncClient, method: str, path: str) -> None:
    """An unknown action, or a provider after one that has none, is 400 and a JSON text."""
    answer = await browser.request(method, f"/api/auth{path}", headers=JSON_MODE)
    assert (answer.status_code, answer.json()) == BAD_REQUEST


async def test_a_link_by_mail(auth_database_url: str, ada: Person, database: asyncpg.Connection) -> None:
    """``signIn("email")`` sends a link and answers the URL of the page that says so, or the code of what failed."""
    async with running_with_mail(auth_database_url, **SETTING) as app, client_of(app) as client:
        sent = await submit(client, "/signin/email", email=ada.email)
        refused = await submit(client, "/signin/email", email="nobody")
    assert sent.json() == {"url": f"{PUBLIC_URL}/api/auth/verify-request?provider=email&type=email"}
    assert [letter.address for letter in await list_letters(database)] == [ada.email]
    url = f"{PUBLIC_URL}/api/auth/signin?error=CredentialsSignin&code=EmailSignin"
    assert (refused.status_code, refused.json()) == (200, {"url": url})


async def test_a_form_is_shown_again(browser: httpx2.AsyncClient, ada: Person) -> None:
    """Without the header a browser sent a form: it is redirected, or sees the form again with the error."""
    form = {"csrfToken": await next_auth.get_csrf_token(browser), "username": ada.email, "json": "true"}
    answer = await browser.post(next_auth.CALLBACK, data={**form, "password": "wrong"})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (401, "text/html")
    answer = await browser.post(next_auth.CALLBACK, data={**form, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (302, PUBLIC_URL)


# What a Next.js server does to the cookie


async def renew(browser: httpx2.AsyncClient, sealed: str) -> object:
    """Return the access token that the gateway gets for a session cookie."""
    body = {"session": sealed, "pieces": [NAMES.session]}
    answer = await browser.post("/internal/session", json=body, headers=service_token(caller="gateway"))
    token: object = answer.json()["accessToken"]
    return token


async def test_a_rolled_cookie_is_the_session(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """A cookie that a Next.js server sealed anew is as good as ours, at the gateway's door too."""
    rolled = roll(signed_in.cookies[NAMES.session])
    session = await get_session(signed_in, {NAMES.session: rolled})
    assert isinstance(session, dict)
    assert session["user"]["email"] == ada.email
    assert await renew(signed_in, rolled) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET ends_at = now() - interval '1 minute' WHERE user_id = $1",
        "UPDATE sessions SET idle_ends_at = now() - interval '1 minute' WHERE user_id = $1",
    ],
)
async def test_a_longer_time_lengthens_nothing(
    signed_in: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, statement: str
) -> None:
    """A cookie that was rolled on for thirty days is no session once its row is over, by its end or unused."""
    rolled = roll(signed_in.cookies[NAMES.session])
    await database.execute(statement, ada.id)
    assert await get_session(signed_in, {NAMES.session: rolled}) is None
    assert await renew(signed_in, rolled) is None


async def test_what_else_a_rolled_cookie_says_does_not_count(
    signed_in: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """Whatever a Next.js server wrote into the cookie: who it is says the row that ``sid`` names."""
    claims = open_session(signed_in.cookies[NAMES.session])
    forged = {**claims, "id": str(grace.id), "sub": str(grace.id), "email": grace.email, "accessToken": None}
    session = await get_session(signed_in, {NAMES.session: SEALER.seal(forged, int(time.time()))})
    assert isinstance(session, dict)
    assert (session["user"]["id"], session["user"]["email"]) == (str(ada.id), ada.email)


async def test_an_older_cookie_put_back_after_a_renewal(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """A late answer that puts a cookie back whose access token has run out does no harm: it is renewed again."""
    claims = open_session(signed_in.cookies[NAMES.session])
    older = roll(SEALER.seal({**claims, "accessToken": "an old one"}, int(time.time())))
    session = await get_session(signed_in, {NAMES.session: older})
    assert isinstance(session, dict)
    me = await signed_in.get("/api/me", headers={"authorization": session["user"]["accessToken"]})
    assert me.json()["id"] == ada.id


async def test_an_older_cookie_put_back_after_signing_in_again(signed_in: httpx2.AsyncClient, grace: Person) -> None:
    """A late answer that puts the cookie of an earlier sign-in back changes nobody: the newer session stays."""
    older = roll(signed_in.cookies[NAMES.session])
    await sign_in(signed_in, grace.email)
    put_back = {NAMES.session: older, NAMES.device: signed_in.cookies[NAMES.device]}
    session = await get_session(signed_in, put_back)
    assert isinstance(session, dict)
    assert session["user"]["email"] == grace.email


async def test_a_cookie_put_back_after_signing_out(signed_in: httpx2.AsyncClient) -> None:
    """A cookie that comes back after signing out opens nothing, and is cleared."""
    older = roll(signed_in.cookies[NAMES.session])
    answer = await sign_out(signed_in)
    assert (answer.status_code, answer.json()) == (200, {"url": PUBLIC_URL})
    put_back = {NAMES.session: older, NAMES.device: signed_in.cookies[NAMES.device]}
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in put_back.items())}
    answer = await signed_in.get("/api/auth/session", headers=headers)
    assert answer.json() is None
    assert answer.headers["set-cookie"].startswith(f"{NAMES.session}=; Max-Age=0")
    assert await renew(signed_in, older) is None


# From version 4 to version 5


async def test_changing_the_version_signs_nobody_out(
    client: httpx2.AsyncClient, browser: httpx2.AsyncClient, ada: Person
) -> None:
    """Who signed in with version 4 is signed in with version 5, by the device cookie, and gets its session cookie."""
    await next_auth.sign_in(client, ada.email)
    browser.cookies = client.cookies
    session = await get_session(browser)
    assert isinstance(session, dict)
    assert session["user"]["email"] == ada.email
    assert open_session(browser.cookies[NAMES.session])["email"] == ada.email
