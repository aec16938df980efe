"""No request gets slower with what has piled up: each table holds far more rows than a bite of housekeeping."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.sessions.sessions import ENDED_AT_ONCE, MOST
from shared.observing.metrics import Metrics
from tests.service.auth.test_feeds import read
from tests.support.people import PASSWORD, Person
from tests.support.services import auth_settings, client_of, running

MANY = 100_000
NEW_PASSWORD = "another long password"

FILL_SESSIONS = """
    INSERT INTO sessions (user_id, ends_at, idle_ends_at, user_agent, created_at)
    SELECT $1, now() + interval '30 days', now() + interval '14 days', 'A thief', now() - interval '1 minute'
    FROM generate_series(1, $2::int)
"""


@pytest.fixture
async def fresh(database: asyncpg.Connection, auth_database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of a service that has just started, as a new replica beside others."""
    del database  # emptied before
    app: Starlette = create_app(auth_settings(auth_database_url), Metrics())
    async with running(app):
        await app.state.parts.database.wait_until_ready()
        async with client_of(app) as client:
            yield client


@contextlib.asynccontextmanager
async def held(database: asyncpg.Connection, statement: str) -> AsyncIterator[None]:
    """Lock rows as a slow transaction would: a statement that must change them waits, and fails after two seconds."""
    transaction = database.transaction()
    await transaction.start()
    await database.fetch(statement)
    try:
        yield
    finally:
        await transaction.rollback()


async def sign_in(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Sign in with the right password, from an address unknown to the account."""
    headers = {"x-forwarded-for": "203.0.113.9"}
    return await client.post("/api/login", json={"username": person.email, "password": PASSWORD}, headers=headers)


async def sign_up(client: httpx2.AsyncClient, _: Person) -> httpx2.Response:
    """Sign up."""
    body = {"name": "Grace", "email": "grace@example.com", "password": "a long password of hers"}
    return await client.post("/api/user", json=body)


async def refresh(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Refresh."""
    token = (await sign_in(client, person)).json()["refreshToken"]
    return await client.post("/api/token", json={"refreshToken": token})


async def rename(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Change the name."""
    return await client.patch("/api/me", json={"name": "Ada King"}, headers=person.bearer)


async def write_log(client: httpx2.AsyncClient, _: Person) -> httpx2.Response:
    """Send a line for the log."""
    return await client.post("/api/auth/_log", json={"level": "error", "code": "X"})


async def sign_out(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Sign out."""
    return await client.post("/api/logout", headers=person.bearer)


@pytest.mark.parametrize("act", [sign_in, sign_up, refresh, rename, write_log, sign_out])
async def test_no_request_waits_for_what_is_past(
    fresh: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    act: Callable[[httpx2.AsyncClient, Person], Awaitable[httpx2.Response]],
) -> None:
    """Expired tries, revocations and sessions affect no request, however many they are, locked or not."""
    await database.execute(
        "INSERT INTO attempts (key, forget_at) SELECT sha256(i::text::bytea), now() - interval '1 hour' "
        "FROM generate_series(1, 20000) AS i"
    )
    await database.execute(
        "INSERT INTO revocations (session_id, until) SELECT gen_random_uuid(), now() - interval '1 hour' "
        "FROM generate_series(1, 20000)"
    )
    past = "SELECT FROM attempts, revocations WHERE forget_at < now() AND revocations.id % 5000 = 0 LIMIT 9 FOR UPDATE"
    async with held(database, past):
        answer = await act(fresh, ada)
    assert answer.is_success


async def end_others(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Sign out everywhere else."""
    return await client.delete("/api/me/sessions", headers=person.bearer)


async def change_password(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Change the password."""
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    return await client.post("/api/me/password", json=body, headers=person.bearer)


async def delete_account(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Delete the account."""
    return await client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=person.bearer)


@pytest.mark.parametrize("act", [end_others, change_password, delete_account])
async def test_any_number_of_sessions_can_be_ended(
    client: httpx2.AsyncClient,
    app: Starlette,
    ada: Person,
    database: asyncpg.Connection,
    act: Callable[[httpx2.AsyncClient, Person], Awaitable[httpx2.Response]],
) -> None:
    """A hundred thousand sessions of one user are over as soon as the request that ends them is answered.

    The audit does not get a line for each, and housekeeping publishes every one to the followers.
    """
    await database.execute(FILL_SESSIONS, ada.id, MANY)
    thieves = "SELECT min(id::text), max(id::text) FROM sessions WHERE user_agent = 'A thief'"
    assert (await act(client, ada)).status_code == 204
    for session_id in map(uuid.UUID, await database.fetchrow(thieves) or ()):
        assert await app.state.parts.sessions.find_first_live([session_id]) is None
        assert await app.state.parts.sessions.find_live(session_id) is None
    is_spared = act is not delete_account
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == (200 if is_spared else 401)
    assert await database.fetchval("SELECT count(*) FROM audit") < 2 * ENDED_AT_ONCE


async def test_a_user_has_a_hundred_sessions_at_most(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A sign-in beyond that ends the least recently used session, and publishes it like any other end."""
    await database.execute(
        """
        INSERT INTO sessions (user_id, ends_at, idle_ends_at, user_agent, last_used_at)
        SELECT $1, now() + interval '30 days', now() + interval '14 days', i::text, now() - i * interval '1 minute'
        FROM generate_series(1, $2::int) AS i
        """,
        ada.id,
        MOST - 1,
    )
    token = (await sign_in(client, ada)).json()["accessToken"]
    kept = await database.fetch("SELECT user_agent FROM sessions WHERE revoked_at IS NULL")
    assert len(kept) == MOST
    [ended] = await database.fetch("SELECT id, user_agent, revoked_because FROM sessions WHERE revoked_at IS NOT NULL")
    assert (ended["user_agent"], ended["revoked_because"]) == (str(MOST - 1), "too_many")
    assert [each["sid"] for each in (await read(client, "/internal/revocations"))["revocations"]] == [str(ended["id"])]
    assert await database.fetchval("SELECT event FROM audit WHERE session_id = $1", ended["id"]) == "session_revoked"
    for each in (ada.token, token):
        assert (await client.get("/api/me", headers={"authorization": each})).status_code == 200
