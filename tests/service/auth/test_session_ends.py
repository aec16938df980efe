"""Everything that proves a session respects its ends: access tokens, the sealed cookie, the cookie itself."""

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.forged_tokens import read_claims
from tests.support.next_auth import SESSION_COOKIE, open_session_cookie
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import auth_settings, running

MOST, IDLE = 90, 60  # seconds that a session lasts, and lasts unused


@pytest.fixture(scope="module")
async def app(auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give a service whose sessions are short."""
    settings = auth_settings(auth_database_url, session_max_age=MOST, session_idle_age=IDLE)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


async def let_pass(database: asyncpg.Connection, seconds: int) -> None:
    """Make the sessions that much older."""
    await database.execute(
        """
        UPDATE sessions SET last_used_at = last_used_at - $1::interval, idle_ends_at = idle_ends_at - $1::interval,
            ends_at = ends_at - $1::interval
        """.replace("$1::interval", f"interval '{seconds} s'")
    )


async def test_a_token_ends_before_its_session_would(client: httpx2.AsyncClient, ada: Person) -> None:
    """A token lives for half of the idle age at most, so that an active client must renew it; ``expiresIn`` says so."""
    answer = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    refreshed = await client.post("/api/token", json={"refreshToken": answer.json()["refreshToken"]})
    for found in (answer.json(), refreshed.json()):
        claims = read_claims(found["accessToken"])
        assert int(str(claims["exp"])) - int(str(claims["iat"])) == found["expiresIn"] == IDLE // 2


@pytest.mark.parametrize("passed", [0, 40, 80])
async def test_nothing_outlives_the_absolute_end(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, passed: int
) -> None:
    """However late a session is read, token, sealed cookie and cookie end with it, the first two even when unused."""
    await next_auth.sign_in(client, ada.email)
    await let_pass(database, passed)
    await database.execute("UPDATE sessions SET idle_ends_at = now() + interval '1 min', last_used_at = now()")
    client.cookies.set(SESSION_COOKIE, without_token(client), domain="localhost.local")
    now, answer = int(time.time()), await client.get("/api/auth/session")
    ends_at = await database.fetchval("SELECT max(extract(epoch FROM ends_at))::float8 FROM sessions")
    claims, user = open_session_cookie(client), answer.json()["user"]
    assert int(str(read_claims(user["accessToken"])["exp"])) <= min(ends_at, now + IDLE // 2 + 1)
    assert int(str(claims["exp"])) <= min(ends_at, now + IDLE + 1)
    expires = answer.headers["set-cookie"].partition("Expires=")[2].partition(";")[0]
    assert parsedate_to_datetime(expires).timestamp() <= ends_at


def without_token(client: httpx2.AsyncClient) -> str:
    """Return the browser's session cookie without its token, so that it gets another."""
    claims = {**open_session_cookie(client), "accessToken": ""}
    client.cookies.delete(SESSION_COOKIE)
    return next_auth.SEALER.seal(claims, int(time.time()))


async def test_an_active_browser_keeps_its_session_to_the_end(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """A browser in regular use stays signed in beyond the idle age, and is signed out at the absolute end."""
    await next_auth.sign_in(client, ada.email)
    for _ in range(4):
        await let_pass(database, 20)
        assert (await next_auth.get_session(client))["user"]
        await app.state.parts.sessions.uses.flush()
    await let_pass(database, 20)
    assert await next_auth.get_session(client) == {}


async def test_an_unused_session_ends(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Unused for the idle age, a session is over, although its absolute end has not come."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    await next_auth.sign_in(client, ada.email)
    await let_pass(database, IDLE)
    assert await next_auth.get_session(client) == {}
