"""Signing in with another provider where version 5 of NextAuth's protocol is spoken: what its client gets."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support import next_auth_5
from tests.support.html_forms import read_forms
from tests.support.next_auth_5 import NAMES, SETTING, get_session, open_session, submit
from tests.support.people import Person
from tests.support.providers import (
    Running,
    begin,
    describe,
    prove_there,
    running_provider,
    running_with_providers,
    sign_in,
    write_providers,
)
from tests.support.services import PUBLIC_URL, client_of

CHECKS = {"authjs.state", "authjs.nonce", "authjs.pkce.code_verifier"}
SENTENCES = {
    "OAuthCallbackError": "You did not sign in there.",
    "OAuthCallbackError&code=OAuthCallback": "Signing in there did not work.",
    "OAuthCallbackError&code=OAuthSignin": "Signing in there does not work right now.",
    "OAuthCallbackError&code=OAuthCreateAccount": "An account needs an e-mail address",
    "OAuthCallbackError&code=TooManyAttempts": "Too many attempts.",
    "OAuthAccountNotLinked": "There is an account with your e-mail address already.",
}


@pytest.fixture(scope="module")
def ours() -> Iterator[Running]:
    """Give a provider."""
    with running_provider("ours") as provider:
        yield provider


@pytest.fixture(scope="module")
async def app_5(
    app: Starlette, auth_database_url: str, tmp_path_factory: pytest.TempPathFactory, ours: Running
) -> AsyncIterator[Starlette]:
    """Give a service that speaks version 5, with that provider, GitHub, and one that is down."""
    del app  # it makes the tables
    down = 'id = "down"\nissuer = "http://127.0.0.1:9"'
    file = write_providers(tmp_path_factory.mktemp("providers"), describe(ours), down, 'id = "hub"\npreset = "github"')
    async with running_with_providers(auth_database_url, file, **SETTING) as running:
        yield running


@pytest.fixture
async def browser(app_5: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at that service."""
    del database  # it has been emptied
    async with client_of(app_5) as client:
        yield client


def read_failure(answer: httpx2.Response) -> str:
    """Return the error, and its code, of the sign-in page that an answer leads to; empty when it leads on."""
    assert answer.status_code == 302, answer.text
    place, _, error = answer.headers["location"].partition("?error=")
    assert place == f"{PUBLIC_URL}/api/auth/signin" or not error
    return str(error)


async def test_checks_that_a_sibling_domain_set(app_5: Starlette, browser: httpx2.AsyncClient, ours: Running) -> None:
    """Check cookies count only in the browser whose csrf cookie they were written beside, here as in version 4."""
    ours.know("mallory", "mallory@example.com")
    async with client_of(app_5) as attacker:
        back = await prove_there(await begin(attacker, "ours"), "mallory")
        for name in CHECKS:
            browser.cookies.set(name, attacker.cookies[name])
        assert read_failure(await browser.get(back)) == "OAuthCallbackError&code=OAuthCallback"
        assert await get_session(browser) is None
        assert read_failure(await attacker.get(back)) == ""


async def test_signing_in(browser: httpx2.AsyncClient, ours: Running) -> None:
    """The way there is kept in version 5's own cookies, of which the way back leaves none but the session's."""
    ours.know("ada", "ada@example.com", name="Ada Lovelace")
    answer = await submit(browser, "/signin/ours", callbackUrl="/userposts")
    assert (answer.status_code, list(answer.json())) == (200, ["url"])
    assert set(browser.cookies) >= CHECKS
    back = await browser.get(await prove_there(answer.json()["url"], "ada"))
    assert (back.status_code, back.headers["location"]) == (302, f"{PUBLIC_URL}/userposts")
    assert not CHECKS & set(browser.cookies)
    assert not [name for name in browser.cookies if name.startswith("next-auth")]
    assert open_session(browser.cookies[NAMES.session])["email"] == "ada@example.com"
    session = await get_session(browser)
    assert isinstance(session, dict)
    assert (session["user"]["id"], session["user"]["name"]) == ("1", "Ada Lovelace")


async def test_a_button_leads_there_and_back(browser: httpx2.AsyncClient, ours: Running) -> None:
    """Without the header, a form was sent: the browser is redirected to the provider."""
    ours.know("grace", "grace@example.com")
    form = read_forms((await browser.get("/api/auth/signin?callbackUrl=/userposts")).text)["/api/auth/signin/ours"]
    pressed = await browser.post(form.action, data=form.fields)
    assert pressed.status_code == 302
    back = await browser.get(await prove_there(pressed.headers["location"], "grace"))
    assert back.headers["location"] == f"{PUBLIC_URL}/userposts"


async def test_what_is_listed(browser: httpx2.AsyncClient) -> None:
    """A provider is ``oidc`` where it speaks OpenID Connect, and else ``oauth``, as version 5 tells them apart."""
    listed = (await browser.get("/api/auth/providers")).json()
    assert {name: each["type"] for name, each in listed.items()} == {
        "credentials": "credentials",
        "ours": "oidc",
        "down": "oidc",
        "hub": "oauth",
    }


async def test_what_goes_wrong_is_named(
    browser: httpx2.AsyncClient, ours: Running, ada: Person, database: asyncpg.Connection
) -> None:
    """An error has version 5's name, or one for all with a code of ours, and the sign-in page the sentence for it."""
    ours.know("nameless")
    ours.know("stranger", ada.email, is_proven=False)
    refused = await submit(browser, "/signin/down")
    back = await prove_there(await begin(browser, "ours"), "nameless")
    named = [
        refused.json()["url"].partition("?error=")[2],
        read_failure(await browser.get("/api/auth/callback/ours?error=access_denied&state=any")),
        read_failure(await browser.get(back.replace("code=", "code=0"))),
        read_failure(await sign_in(browser, "ours", "nameless")),
        read_failure(await sign_in(browser, "ours", "stranger")),
    ]
    await database.execute("UPDATE attempts SET since = clock_timestamp() + interval '1 day'")
    named.append(read_failure(await browser.get("/api/auth/callback/ours?code=any&state=another")))
    assert sorted(named) == sorted(SENTENCES)
    for error, sentence in SENTENCES.items():
        assert sentence in (await browser.get(f"/api/auth/signin?error={error}")).text
    assert await get_session(browser) is None
    forged = await submit(browser, "/signin/ours", csrfToken="a" * 64)
    assert forged.json() == {"url": f"{PUBLIC_URL}/api/auth/signin?error=MissingCSRF"}


async def test_a_disabled_user(browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection) -> None:
    """Whose account is disabled is led to the page that says so."""
    ours.know("disabled", "disabled@example.com")
    assert read_failure(await sign_in(browser, "ours", "disabled")) == ""
    await database.execute("UPDATE users SET disabled_at = now()")
    answer = await sign_in(browser, "ours", "disabled")
    assert answer.headers["location"] == f"{PUBLIC_URL}/api/auth/error?error=AccessDenied"


async def test_an_identity_is_added(browser: httpx2.AsyncClient, ours: Running, ada: Person) -> None:
    """What comes back to who adds an identity signs nobody in, in version 5 too."""
    ours.know("another", "another@example.com")
    await next_auth_5.sign_in(browser, ada.email)
    form = read_forms((await browser.get("/account/identities")).text)["/account/identities/ours"]
    begun = await browser.post(form.action, data=form.fields)
    back = await browser.get(await prove_there(begun.headers["location"], "another"))
    assert back.headers["location"] == f"{PUBLIC_URL}/account/identities?done=added"
    session = await get_session(browser)
    assert isinstance(session, dict)
    assert session["user"]["email"] == ada.email
