"""The ways to sign in: everything follows from the registry, shown with a second way, which is one module."""

import base64
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import build_routes, create_app
from auth_service.ways.registry import WAYS
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running
from tests.support.ways import badge

START, CALLBACK = "/api/auth/signin/badge", "/api/auth/callback/badge"


@pytest.fixture(scope="module")
async def badge_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give a service that also lets people sign in with a badge."""
    del app  # it makes the tables
    async with running(create_app(auth_settings(auth_database_url), Metrics(), (*WAYS, badge.WAY))) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def browser(badge_app: Starlette, ada: Person) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at that service."""
    del ada  # signed up before
    async with client_of(badge_app) as client:
        yield client


def badge_of(email: str, password: str = PASSWORD) -> str:
    """Return the text on a badge."""
    return base64.b64encode(f"{email}:{password}".encode()).decode()


async def test_providers_lists_every_way(browser: httpx2.AsyncClient, client: httpx2.AsyncClient) -> None:
    """``GET /providers`` lists the way with its absolute addresses, beside the one by password, which is unchanged."""
    before = (await client.get("/api/auth/providers")).json()
    providers = (await browser.get("/api/auth/providers")).json()
    assert providers == {
        **before,
        "badge": {
            "id": "badge",
            "name": "a badge",
            "type": "badge",
            "signinUrl": PUBLIC_URL + START,
            "callbackUrl": PUBLIC_URL + CALLBACK,
        },
    }


async def test_the_sign_in_page_has_a_button_for_the_way(
    browser: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    """The page has the form for signing in by password and a button for the other way, which keeps where to go."""
    page = await browser.get("/api/auth/signin?callbackUrl=/userposts")
    forms = read_forms(page.text)
    assert set(forms[next_auth.CALLBACK].fields) == {"csrfToken", "callbackUrl", "email", "password"}
    assert forms[START].fields["callbackUrl"] == f"{PUBLIC_URL}/userposts"
    assert "Sign in with a badge" in page.text
    assert START not in (await client.get("/api/auth/signin")).text


async def test_the_button_begins_the_way(browser: httpx2.AsyncClient) -> None:
    """``POST /signin/:id`` leads to where the way begins; without the csrf token, to the sign-in page."""
    form = read_forms((await browser.get("/api/auth/signin")).text)[START].fields
    pressed = await browser.post(START, data=form)
    assert (pressed.status_code, pressed.headers["location"]) == (302, f"{PUBLIC_URL}/badge-reader")
    answer = await browser.post(START, data={**form, "json": "true"})
    assert answer.json() == {"url": f"{PUBLIC_URL}/badge-reader"}
    forged = await browser.post(START, data={**form, "csrfToken": "a" * 64})
    assert forged.headers["location"] == f"{PUBLIC_URL}/api/auth/signin?csrf=true"
    assert (await browser.get(START)).status_code == 200


async def test_its_callback_begins_a_session(
    browser: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """``POST /callback/:id`` signs in with the way's proof from the request, and sets the usual cookies."""
    token = await next_auth.get_csrf_token(browser)
    fields = {"csrfToken": token, "badge": badge_of(ada.email), "callbackUrl": "/userposts", "json": "true"}
    answer = await browser.post(CALLBACK, data=fields)
    assert (answer.status_code, answer.json()) == (200, {"url": f"{PUBLIC_URL}/userposts"})
    assert next_auth.open_session_cookie(browser)["email"] == ada.email
    assert (await browser.get(CALLBACK)).status_code == 405
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'signed_in'") == 2


async def test_the_door_is_the_same(browser: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """A refused proof is reported under the way's name, audited, and counted with those of other ways."""
    token = await next_auth.get_csrf_token(browser)
    url = f"{PUBLIC_URL}/api/auth/error?error=CredentialsSignin&provider=badge"
    for wrong in ("not a badge", badge_of(ada.email, "not the password"), badge_of("nobody@example.com")):
        answer = await browser.post(CALLBACK, data={"csrfToken": token, "badge": wrong, "json": "true"})
        assert (answer.status_code, answer.json()) == (401, {"url": url})
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_in_refused'") == 2
    await database.execute("UPDATE users SET disabled_at = now()")
    answer = await browser.post(CALLBACK, data={"csrfToken": token, "badge": badge_of(ada.email)})
    assert (answer.status_code, next_auth.CALLBACK in read_forms(answer.text)) == (401, True)
    await database.execute("UPDATE users SET disabled_at = NULL")
    await database.execute("UPDATE attempts SET in_a_row = 1000000, recent = 1000000, last_at = clock_timestamp()")
    answer = await browser.post(CALLBACK, data={"csrfToken": token, "badge": badge_of(ada.email), "json": "true"})
    assert (answer.status_code, answer.json()["url"]) == (429, url.replace("CredentialsSignin", "TooManyAttempts"))


def test_a_way_is_found_nowhere_but_in_the_registry() -> None:
    """Without a way, its addresses are those of an unknown one: everything follows from the registry."""
    paths = {route.path for route in build_routes(())}
    assert not [path for path in paths if "credentials" in path]
    assert {way.callback_path for way in WAYS} <= {route.path for route in build_routes(WAYS)}
