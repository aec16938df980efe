"""What a provider must not say: oauth2-mock-server says it, and nobody is signed in, nor anything stored."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from tests.support import next_auth
from tests.support.hostile_answers import BEGIN, END, HOSTILE, PROVEN, Hostile, render_table
from tests.support.providers import (
    Running,
    begin,
    describe,
    prove_there,
    read_error,
    running_provider,
    running_with_providers,
    write_providers,
)
from tests.support.services import PUBLIC_URL, client_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "providers.md"


@pytest.fixture(scope="module")
def hostile() -> Iterator[Running]:
    """Give a provider whose answers can be changed."""
    with running_provider("hostile", "hostile.mjs") as provider:
        yield provider


@pytest.fixture(scope="module")
async def hostile_app(
    app: Starlette, auth_database_url: str, tmp_path_factory: pytest.TempPathFactory, hostile: Running
) -> AsyncIterator[Starlette]:
    """Give a service in which people can sign in with it."""
    del app  # it makes the tables
    file = write_providers(tmp_path_factory.mktemp("hostile"), describe(hostile))
    async with running_with_providers(auth_database_url, file) as running:
        yield running


@pytest.fixture
async def browser(hostile_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at that service."""
    del database  # it has been emptied
    async with client_of(hostile_app) as client:
        yield client


async def test_what_it_says_when_it_is_honest(browser: httpx2.AsyncClient, hostile: Running) -> None:
    """The same provider, unchanged, signs people in: it is the change that is refused in each case below."""
    hostile.say(userinfo=PROVEN)
    assert read_error(await browser.get(await prove_there(await begin(browser, "hostile"), "john"))) == ""
    assert next_auth.open_session_cookie(browser)["email"] == "john@example.com"
    hostile.say(claims={"aud": ["gatepost", "another"], "azp": "gatepost", "email": "j@example.com"})
    assert read_error(await browser.get(await prove_there(await begin(browser, "hostile"), "john"))) == ""


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
async def test_an_answer_that_is_not_believed(
    browser: httpx2.AsyncClient, hostile: Running, database: asyncpg.Connection, case: Hostile
) -> None:
    """The browser gets next-auth's error and no session, the log the reason; nobody and nothing is stored."""
    shifts = {name: int(time.time()) + by for name, by in case.shifted.items()}
    issuers = {name: hostile.issuer + end for name, end in case.issued.items()}
    hostile.say(**{"userinfo": PROVEN, "claims": {**shifts, **issuers}, **case.said})
    back = await prove_there(await begin(browser, "hostile"), "john")
    with capture_logs() as logs:
        answer = await browser.get(back)
    assert read_error(answer) == "OAuthCallback"
    assert [each["reason"] for each in logs if each["event"] == "provider_sign_in_refused"] == [case.reason]
    assert await next_auth.get_session(browser) == {}
    stored = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM identities) + (SELECT count(*) FROM sessions)"
    assert await database.fetchval(stored) == 0


@pytest.mark.parametrize(
    ("claims", "userinfo"),
    [
        ({"email_verified": True}, {"email": "victim@example.com"}),
        ({"email": "john@example.com", "hd": "example.com"}, {"email": "victim@example.com"}),
        ({"email": "victim@example.com"}, {"email_verified": True}),
    ],
)
async def test_an_address_and_its_proof_are_of_one_document(
    browser: httpx2.AsyncClient,
    hostile: Running,
    database: asyncpg.Connection,
    claims: dict[str, object],
    userinfo: dict[str, object],
) -> None:
    """That an address was verified counts only beside that very address: the ID token's, or else the user info's."""
    hostile.say(claims=claims, userinfo={"sub": "johndoe", **userinfo})
    assert read_error(await browser.get(await prove_there(await begin(browser, "hostile"), "john"))) == ""
    assert next_auth.open_session_cookie(browser)["email"] == "victim@example.com"
    assert await database.fetchval("SELECT email_verified_at FROM users") is None


async def test_metadata_of_another_issuer(
    app: Starlette, auth_database_url: str, tmp_path: Path, database: asyncpg.Connection
) -> None:
    """A provider whose metadata speaks for another issuer than is configured is led to by nobody."""
    del app, database
    with running_provider("wrong", "hostile.mjs", ISSUER="https://accounts.google.com") as wrong:
        file = write_providers(tmp_path, describe(wrong))
        async with running_with_providers(auth_database_url, file) as wrong_app, client_of(wrong_app) as browser:
            with capture_logs() as logs:
                assert await begin(browser, "wrong") == f"{PUBLIC_URL}/api/auth/error?error=OAuthSignin"
            assert "metadata_of_another_issuer" in [each.get("reason") for each in logs]


async def test_refusals_are_bounded(
    browser: httpx2.AsyncClient, hostile: Running, database: asyncpg.Connection
) -> None:
    """An address whose answers were refused too often makes us ask no provider for a while, right ones included."""
    hostile.say(userinfo=PROVEN)
    invented = (await prove_there(await begin(browser, "hostile"), "john")).replace("code=", "code=0")
    hostile.say(userinfo=PROVEN, token={"error": "invalid_grant"}, status=400)
    assert read_error(await browser.get(invented)) == "OAuthCallback"
    await database.execute("UPDATE attempts SET since = clock_timestamp() + interval '1 day'")
    hostile.say(userinfo=PROVEN)
    back = await prove_there(await begin(browser, "hostile"), "john")
    assert read_error(await browser.get(back)) == "TooManyAttempts"
    await database.execute("DELETE FROM attempts")
    assert read_error(await browser.get(back)) == ""


async def test_what_makes_us_ask_nobody_is_no_refusal(
    browser: httpx2.AsyncClient, hostile: Running, hostile_app: Starlette, database: asyncpg.Connection
) -> None:
    """Answers that this browser did not ask for cost no allowance: any other site can have them sent from anywhere."""
    hostile.say(userinfo=PROVEN)
    back = await prove_there(await begin(browser, "hostile"), "john")
    stray = "/api/auth/callback/hostile?code=any&state=any"
    async with client_of(hostile_app) as other:
        for browser_without in (other, browser):
            for url in (stray, f"{stray}&code=twice", "/api/auth/callback/hostile"):
                assert read_error(await browser_without.get(url)) == "OAuthCallback"
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0
    assert read_error(await browser.get(back)) == ""


@pytest.mark.parametrize("status", [500, 503])
async def test_a_fault_of_the_providers_own_is_no_refusal(
    browser: httpx2.AsyncClient, hostile: Running, database: asyncpg.Connection, status: int
) -> None:
    """While a provider is out of order, trying costs no allowance; a code that it refuses does."""
    hostile.say(userinfo=PROVEN, token={}, status=status)
    back = await prove_there(await begin(browser, "hostile"), "john")
    assert read_error(await browser.get(back)) == "OAuthCallback"
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0
    hostile.say(userinfo=PROVEN, token={"error": "invalid_grant"}, status=400)
    back = await prove_there(await begin(browser, "hostile"), "john")
    assert read_error(await browser.get(back)) == "OAuthCallback"
    assert await database.fetchval("SELECT count(*) FROM attempts") == 1


def test_the_document_lists_them(pytestconfig: pytest.Config) -> None:
    """``docs/providers.md`` lists what is tried here, with what each got."""
    page = DOCUMENT.read_text()
    before, _, rest = page.partition(BEGIN)
    written = before + BEGIN + render_table() + END + rest.partition(END)[2]
    if pytestconfig.getoption("write_tables"):
        DOCUMENT.write_text(written)
    assert DOCUMENT.read_text() == written
