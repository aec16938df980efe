"""Reading a session writes nothing: users stay signed in while the database takes no writes."""

import asyncio
import contextlib
import datetime as dt
import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.sessions.uses import BATCH, MAX_NOTED
from shared.observing.metrics import Metrics
from stack.postgres import running_postgres
from tests.service.auth.test_internal import service_token
from tests.support import next_auth
from tests.support.next_auth import SESSION_COOKIE
from tests.support.people import Person, sign_up_and_in
from tests.support.services import auth_settings, client_of, running

AT_ONCE = 30  # three times the pool


async def read_at_once(client: httpx2.AsyncClient, cookie: str) -> list[httpx2.Response]:
    """Read a session many times at once, half of them as the gateway does. A request that waits for a write is 503."""
    header, asked = {"cookie": f"{SESSION_COOKIE}={cookie}"}, {"session": cookie, "pieces": [SESSION_COOKIE]}

    async def read(number: int) -> httpx2.Response:
        if number % 2:
            return await client.post("/internal/session", json=asked, headers=service_token(caller="gateway"))
        return await client.get("/api/auth/session", headers=header)

    return await asyncio.gather(*(read(number) for number in range(AT_ONCE)))


def assert_signed_in(answers: list[httpx2.Response]) -> None:
    """Check that each answer contains the session."""
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert all("user" in answer.json() or answer.json()["accessToken"] for answer in answers)


async def sign_in(client: httpx2.AsyncClient, person: Person) -> str:
    """Sign in and return the browser's session cookie."""
    await next_auth.sign_in(client, person.email)
    return client.cookies[SESSION_COOKIE]


async def forget_use(database: asyncpg.Connection, ago: dt.timedelta = dt.timedelta(days=1)) -> None:
    """Backdate the last use of all sessions, so that the next use is to be noted."""
    await database.execute(
        "UPDATE sessions SET last_used_at = last_used_at - $1::interval, idle_ends_at = idle_ends_at - $1::interval",
        ago,
    )


async def test_a_locked_row_holds_no_reader_up(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """While the session's row is locked, reading it takes no longer; the use is noted afterwards."""
    cookie = await sign_in(client, ada)
    await forget_use(database)
    async with database.transaction():
        await database.fetch("SELECT FROM sessions FOR UPDATE")
        assert_signed_in(await read_at_once(client, cookie))
        await asyncio.sleep(0)  # waits for nobody
    assert_signed_in(await read_at_once(client, cookie))
    await app.state.parts.sessions.uses.flush()
    assert await database.fetchval("SELECT max(last_used_at) > now() - interval '1 minute' FROM sessions")


async def test_a_database_that_takes_no_writes_is_read(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """With a read-only database, sessions are read; the uses are kept until it accepts writes again."""
    cookie = await sign_in(client, ada)
    await forget_use(database)
    name = await database.fetchval("SELECT current_database()")
    await database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        await app.state.parts.database._pool.expire_connections()  # noqa: SLF001 - the setting is one of new sessions
        assert_signed_in(await read_at_once(client, cookie))
        assert not await app.state.parts.sessions.uses.flush()
    finally:
        await database.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await app.state.parts.database._pool.expire_connections()  # noqa: SLF001 - the same
    assert await app.state.parts.sessions.uses.flush()
    assert await database.fetchval("SELECT max(last_used_at) > now() - interval '1 minute' FROM sessions")


@contextlib.asynccontextmanager
async def running_without_standby() -> AsyncIterator[tuple[Starlette, httpx2.AsyncClient, str]]:
    """Give the service on a server whose commits wait for a missing standby, and the cookie of a session."""
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as directory,
        running_postgres(Path(directory), options=("-c", "synchronous_commit=on", "-c", "fsync=off")) as postgres,
    ):
        app = create_app(auth_settings(postgres.urls.auth), Metrics())
        async with running(app), client_of(app) as client:
            await app.state.parts.database.wait_until_ready()
            cookie = await sign_in(client, await sign_up_and_in(client, "Ada Lovelace"))
            database = await asyncpg.connect(postgres.urls.auth)
            await forget_use(database)
            await database.close()
            configuration = Path(directory) / "postgres" / "postgresql.auto.conf"
            configuration.write_text("synchronous_standby_names = 'lost'\n")
            postmaster = int((Path(directory) / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, 1)  # SIGHUP: read it
            await _wait_for_setting(postgres.urls.auth)
            try:
                yield app, client, cookie
            finally:
                configuration.write_text("")
                os.kill(postmaster, 1)


async def _wait_for_setting(url: str) -> None:
    database = await asyncpg.connect(url)
    async with asyncio.timeout(10):
        while await database.fetchval("SHOW synchronous_standby_names") != "lost":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    await database.close()


async def test_a_lost_standby_signs_nobody_out() -> None:
    """While every commit hangs, sessions are read, more at once than the pool is large; only the writer waits."""
    async with running_without_standby() as (app, client, cookie):
        assert_signed_in(await read_at_once(client, cookie))
        flushing = asyncio.create_task(app.state.parts.sessions.uses.flush())
        for _ in range(3):
            assert_signed_in(await read_at_once(client, cookie))
        assert not await flushing


async def test_a_use_is_noted_once_a_minute(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """However often a session is used, its row is written at most once a minute; then its idle end moves on."""
    cookie = await sign_in(client, ada)
    uses, versions = app.state.parts.sessions.uses, set()
    for _ in range(3):
        await read_at_once(client, cookie)
        await uses.flush()
        versions.add(await database.fetchval("SELECT xmin::text FROM sessions ORDER BY created_at DESC LIMIT 1"))
    assert len(versions) == 1
    await forget_use(database, dt.timedelta(minutes=2))
    await read_at_once(client, cookie)
    await uses.flush()
    left = await database.fetchval("SELECT max(idle_ends_at - now()) FROM sessions")
    assert dt.timedelta(days=14) - dt.timedelta(seconds=30) < left <= dt.timedelta(days=14)


async def test_uses_may_be_written_twice_at_once(app: Starlette) -> None:
    """Who flushes while the uses of many sessions are written, in several batches, writes what is left, and no more."""
    uses = app.state.parts.sessions.uses
    for number in range(2 * BATCH + 1):
        uses.note(uuid.UUID(int=number))
    assert await asyncio.gather(uses.flush(), uses.flush()) == [True, True]
    assert len(uses) == 0


async def test_an_ended_session_is_not_used(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """A session that ended before its use was noted stays ended."""
    cookie = await sign_in(client, ada)
    for column, value in (("idle_ends_at", "now()"), ("ends_at", "now()"), ("revoked_because", "'signed_out'")):
        await database.execute(
            "UPDATE sessions SET last_used_at = now() - interval '1 day', ends_at = now() + interval '1 day', "
            "idle_ends_at = now() + interval '1 day', revoked_at = NULL, revoked_because = NULL"
        )
        assert_signed_in(await read_at_once(client, cookie))
        revoked = ", revoked_at = now()" if column == "revoked_because" else ""
        await database.execute(f"UPDATE sessions SET {column} = {value}{revoked}")  # noqa: S608 - of a table above
        await app.state.parts.sessions.uses.flush()
        assert await next_auth.get_session(client) == {}
        client.cookies.set(SESSION_COOKIE, cookie, domain="localhost.local")


async def test_what_is_kept_of_uses_is_bounded(app: Starlette, database: asyncpg.Connection) -> None:
    """However many sessions are used while nothing can be written, a bounded number is remembered."""
    del database  # it has been emptied
    uses = app.state.parts.sessions.uses
    ids = await asyncio.to_thread(lambda: [f"00000000-0000-4000-8000-{number:012x}" for number in range(MAX_NOTED + 5)])
    for session_id in ids:
        uses.note(session_id)
    assert len(uses) == MAX_NOTED
    assert await uses.flush()
    assert len(uses) == 0
