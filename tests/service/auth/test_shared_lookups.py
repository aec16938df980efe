"""Simultaneous look-ups of sessions: each gets its own, as it is now, and a failure signs nobody out."""

import asyncio
import datetime as dt
import functools
import uuid
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from auth_service.sessions.uses import BATCH
from auth_service.tables.sessions import SessionId, list_live_sessions, update_uses
from tests.service.auth.test_internal import service_token
from tests.support import next_auth
from tests.support.epochs import truncate
from tests.support.next_auth import SESSION_COOKIE
from tests.support.people import Person, sign_up_and_in
from tests.support.rows_read import count_pages
from tests.support.waiting import wait_until

AT_ONCE = 60  # some times as many as connections to the database
MANY = 50_000


async def ask(client: httpx2.AsyncClient, cookie: str) -> httpx2.Response:
    """Read the session of a cookie."""
    return await client.get("/api/auth/session", headers={"cookie": f"{SESSION_COOKIE}={cookie}"})


async def sign_in(client: httpx2.AsyncClient, person: Person) -> str:
    """Sign in with a new browser and return its session cookie."""
    client.cookies.clear()
    await next_auth.sign_in(client, person.email)
    cookie = client.cookies[SESSION_COOKIE]
    client.cookies.clear()
    return cookie


async def test_each_gets_their_own(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """Of many different sessions read at once, some of them over or missing, each gets its own answer."""
    grace = await sign_up_and_in(client, "Grace Hopper")
    cookies = {person.name: await sign_in(client, person) for person in (ada, grace)}
    over = await sign_in(client, ada)
    ended = next_auth.SEALER.open(over, 0)
    assert ended is not None
    await database.execute(
        "UPDATE sessions SET revoked_at = now(), revoked_because = 'signed_out' WHERE id = $1", ended["sid"]
    )
    unknown = next_auth.SEALER.seal({"sid": str(uuid.uuid4())}, int(asyncio.get_running_loop().time()) + 2**31)
    asked = [*cookies.items(), (None, over), (None, unknown), (None, "junk")] * (AT_ONCE // 5)

    answers = await asyncio.gather(*(ask(client, cookie) for _, cookie in asked))

    assert [answer.status_code for answer in answers] == [200] * len(asked)
    assert [answer.json().get("user", {}).get("name") for answer in answers] == [name for name, _ in asked]


async def test_what_is_told_was_sealed(client: httpx2.AsyncClient, ada: Person) -> None:
    """The session in the answer is the one in the new cookie, except for the session's id, which stays inside."""
    answer = await ask(client, await sign_in(client, ada))

    sealed = next_auth.SEALER.open(answer.cookies[SESSION_COOKIE], 0)
    assert sealed is not None
    assert answer.json()["user"] == {name: value for name, value in sealed.items() if name != "sid"}


async def test_a_session_that_ends_meanwhile_is_over(client: httpx2.AsyncClient, ada: Person) -> None:
    """A look-up after the end of a session was acknowledged sees the end, however many look-ups are under way."""
    cookie = await sign_in(client, ada)
    others = [asyncio.create_task(ask(client, cookie)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    claims = next_auth.SEALER.open(cookie, 0)
    assert claims is not None
    await client.post("/api/logout", headers={"authorization": f"Bearer {claims['accessToken']}"})

    assert (await ask(client, cookie)).json() == {}
    assert {answer.status_code for answer in await asyncio.gather(*others)} == {200}


@pytest.mark.parametrize("fault", ["locked", "cut"])
async def test_a_failing_database_signs_nobody_out(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, fault: str
) -> None:
    """While sessions can't be read every request gets 503, and nothing is cleared: users stay signed in."""
    cookie = await sign_in(client, ada)
    async with database.transaction():
        await database.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        asked = [asyncio.create_task(ask(client, cookie)) for _ in range(AT_ONCE)]
        if fault == "cut":
            await cut_off(database)
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {503}
    assert not any("set-cookie" in answer.headers or answer.json() == {} for answer in answers)
    assert (await ask(client, cookie)).json()["user"]["id"] == ada.id


async def cut_off(database: asyncpg.Connection) -> None:
    """Close the connections that are waiting for us, as a server does that goes down."""
    cut = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))
    """
    await wait_until(lambda: database.fetchval(cut), bool)


async def test_the_gateway_is_told_the_same(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A renewal whose session can't be looked up is 503 too: neither a token nor "no session"."""
    cookie = await sign_in(client, ada)
    body = {"session": cookie, "pieces": [SESSION_COOKIE]}
    async with database.transaction():
        await database.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        answer = await client.post("/internal/session", json=body, headers=service_token(caller="gateway"))
    assert answer.status_code == 503
    assert "set-cookie" not in answer.text.lower()


@pytest.fixture(params=["no statistics", "statistics"])
async def filled(
    ada: Person, database: asyncpg.Connection, request: pytest.FixtureRequest
) -> AsyncIterator[list[SessionId]]:
    """Give some of many live sessions."""
    rows = await database.fetch(
        """
        INSERT INTO sessions (user_id, ends_at, idle_ends_at, user_agent, created_at)
        SELECT $1, now() + interval '30 days', now() + interval '14 days', '', now() - i * interval '1 second'
        FROM generate_series(1, $2::int) AS i RETURNING id
        """,
        ada.id,
        MANY,
    )
    if request.param == "statistics":
        await database.execute("ANALYZE sessions, users")
    else:  # nor those of a test before, which the table's rows don't take with them
        await database.execute(
            """
            SELECT pg_clear_attribute_stats('public', 'sessions', attname, false)
            FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attnum > 0 AND NOT attisdropped
            """
        )
    yield [row["id"] for row in rows[:BATCH]]
    await truncate(database, "sessions")
    await database.execute("ANALYZE sessions")


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_sessions_are_looked_up_by_index(
    filled: list[SessionId], database: asyncpg.Connection, plan: str
) -> None:
    """Looking up a few of many sessions reads a few pages for each, with a cached plan or a new one."""
    await database.execute(f"SET plan_cache_mode TO {plan}")
    few = filled[:16]
    found, pages = await count_pages(database, lambda: list_live_sessions(database, few), "sessions")
    assert [session.id for _, session in filter(None, found)] == few
    assert 0 < pages <= 5 * len(few)


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_uses_are_noted_by_index(filled: list[SessionId], database: asyncpg.Connection, plan: str) -> None:
    """So does noting a thousand uses, the most that one statement notes."""
    await database.execute(f"SET plan_cache_mode TO {plan}")
    lag = idle_age = dt.timedelta(days=14)
    noting = functools.partial(update_uses, database, filled, [0.0] * len(filled), idle_age, lag)
    _, pages = await count_pages(database, noting, "sessions")
    assert 0 < pages <= 5 * len(filled)
