"""The access to PostgreSQL, on a real one: what is lent, what commits, and which errors mean that it is down."""

import asyncio
from functools import partial

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.errors import NotFound, Unavailable
from shared.postgres import database
from shared.postgres.database import Database
from tests.service.shared.conftest import Build
from tests.support.log_lines import lines_of
from tests.support.waiting import wait_until


async def count_notes(db: Database) -> int:
    """Return how many notes there are."""
    async with db.connection() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM notes")
        return found


async def run_in_transaction(db: Database, *statements: str) -> None:
    """Run statements in one transaction."""
    async with db.transaction() as connection:
        for statement in statements:
            await connection.execute(statement)


async def test_connection_is_lent(db: Database) -> None:
    """A lent connection has the service's timeouts and application name."""
    async with db.connection() as connection:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        settings = [await connection.fetchval(f"SHOW {name}") for name in names]

    assert settings == ["6s", "2s", "10s", "some_service"]
    assert db.find_lack() is None


async def test_transaction_commits(db: Database) -> None:
    """What a transaction did is there once it has ended."""
    async with db.transaction() as connection:
        await connection.execute("INSERT INTO notes VALUES (1, 'a')")
    assert await count_notes(db) == 1


async def test_transaction_rolls_back(db: Database) -> None:
    """After any error nothing of a transaction stays, and the error is raised unchanged."""

    async def write_and_raise(error: type[BaseException]) -> None:
        async with db.transaction() as connection:
            await connection.execute("INSERT INTO notes VALUES (1, 'a')")
            raise error

    for error in (NotFound, RuntimeError, asyncio.CancelledError):
        with pytest.raises(error):
            await write_and_raise(error)
    assert await count_notes(db) == 0


async def test_error_of_ours_stays_what_it_is(db: Database) -> None:
    """A wrong statement, or a violated constraint, is no sign that the server is down."""
    async with db.connection() as connection:
        await connection.execute("INSERT INTO notes VALUES (1, 'a')")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.connection() as connection:
            await connection.execute("INSERT INTO notes VALUES (1, 'b')")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with db.connection() as connection:
            await connection.execute("INSRT")
    with pytest.raises(asyncpg.DataError):
        async with db.connection() as connection:
            await connection.fetchval("SELECT $1::int", "text")


async def test_statement_timeout(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """A statement that exceeds the server's timeout is Unavailable, and the connection remains usable."""
    monkeypatch.setitem(database._SERVER_SETTINGS, "statement_timeout", "50")  # noqa: SLF001 - to be quick
    db = build()
    await db.start()
    await db.wait_until_ready()

    with capture_logs() as logs, pytest.raises(Unavailable):
        async with db.connection() as connection:
            await connection.execute("SELECT pg_sleep(3)")
    assert lines_of(logs, "database") == [
        {"event": "database_failed", "error": "QueryCanceledError", "log_level": "warning"}
    ]
    assert db.failures == {"statement_timeout": 1}
    assert await count_notes(db) == 0


async def test_command_timeout(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """A server that says nothing for too long is Unavailable as well."""
    monkeypatch.setattr(database, "COMMAND_TIMEOUT", 0.1)
    db = build()
    await db.start()
    await db.wait_until_ready()

    with pytest.raises(Unavailable):
        async with db.connection() as connection:
            await connection.execute("SELECT pg_sleep(3)")
    assert await count_notes(db) == 0


async def test_lock_timeout(monkeypatch: pytest.MonkeyPatch, build: Build, db: Database) -> None:
    """A lock that is not granted in time is Unavailable."""
    monkeypatch.setitem(database._SERVER_SETTINGS, "lock_timeout", "50")  # noqa: SLF001 - to be quick
    hasty = build()
    await hasty.start()
    await hasty.wait_until_ready()

    async with db.transaction() as holder:
        await holder.execute("LOCK TABLE notes")
        with pytest.raises(Unavailable):
            await count_notes(hasty)
    assert await count_notes(hasty) == 0


async def test_deadlock(db: Database) -> None:
    """Of two deadlocked transactions one commits and one is Unavailable: it may try again."""
    async with db.connection() as connection:
        await connection.execute("INSERT INTO notes VALUES (1, ''), (2, '')")
    barrier = asyncio.Barrier(2)

    async def update(first: int, second: int) -> None:
        async with db.transaction() as connection:
            await connection.execute("UPDATE notes SET text = 'x' WHERE id = $1", first)
            await barrier.wait()
            await connection.execute("UPDATE notes SET text = 'x' WHERE id = $1", second)

    outcomes = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Unavailable"]


async def test_no_connection_left(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """When all connections are lent for too long the next request is Unavailable; later ones get a connection."""
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT", 0.1)
    db = build(pool_size=1)
    await db.start()
    await db.wait_until_ready()

    async with db.connection():
        assert (db.count_borrowed(), db.count_open(), db.pool_size) == (1, 1, 1)
        with pytest.raises(Unavailable):
            await count_notes(db)
    assert await count_notes(db) == 0
    assert db.failures == {"timeout": 1}


async def test_connection_cut_by_the_server(db: Database) -> None:
    """A connection that the server closes is Unavailable for its holder; everyone later gets a new one."""
    async with db.connection() as idle:
        idle_pid = await idle.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(Unavailable):
            async with db.connection() as connection:
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != idle_pid, "the whole pool was renewed"
    assert await count_notes(db) == 0


async def test_idle_connection_cut_by_the_server(db: Database, url: str) -> None:
    """A connection that the server closed while it was lent and idle is Unavailable, whatever the driver raises."""
    other = await asyncpg.connect(url)

    async def use_after_the_cut() -> None:
        async with db.connection() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await other.fetchval("SELECT pg_terminate_backend($1, 1000)", pid)
            await connection.fetchval("SELECT 1")

    for _ in range(5):
        with pytest.raises(Unavailable):
            await use_after_the_cut()
    await other.close()
    assert await count_notes(db) == 0


async def test_connection_cut_in_a_transaction(db: Database) -> None:
    """A transaction whose connection is cut is Unavailable, and nothing of it stays."""
    with pytest.raises(Unavailable):
        await run_in_transaction(
            db, "INSERT INTO notes VALUES (1, 'a')", "SELECT pg_terminate_backend(pg_backend_pid())"
        )
    assert await count_notes(db) == 0


async def test_what_a_statement_uses_is_replaced_meanwhile(db: Database, url: str) -> None:
    """A restore replaces tables and functions under a statement that waits for it: Unavailable, to be sent again.

    No connection on which it was prepared before is used any more: some go on to look for what is gone.
    """
    operator, waiting = await asyncio.gather(asyncpg.connect(url), asyncpg.connect(url))
    body = "RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN count(*) FROM notes; END $$"
    for name in ("first", "second"):
        await operator.execute(f"CREATE FUNCTION {name}() {body}")
    statement = "SELECT first(), second()"

    async def list_connections() -> set[int]:
        async with db.connection() as one, db.connection() as other:
            return {await each.fetchval("SELECT pg_backend_pid()") for each in (one, other)}

    before = await list_connections()
    restoring = operator.transaction()
    await restoring.start()
    await operator.execute("LOCK TABLE notes")
    await operator.execute("DROP FUNCTION second()")

    async def ask() -> None:
        async with db.connection() as connection:
            await connection.fetchrow(statement)

    asking = asyncio.create_task(ask())
    held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT first%'"
    await wait_until(partial(waiting.fetchval, held), lambda count: count == 1)
    await operator.execute(f"CREATE FUNCTION second() {body}")
    await restoring.commit()
    with pytest.raises(Unavailable):
        await asking
    await ask()
    assert not before & await list_connections()
    await asyncio.gather(operator.close(), waiting.close())


async def test_a_cancellation_is_never_lost(db: Database) -> None:
    """A cancelled task ends, even if its connection is lost while its transaction is rolled back.

    Otherwise a task that goes on after errors, as all background tasks do, would never stop. Thirty times, each with a
    different delay between the loss and the cancellation.
    """

    async def work_on() -> None:
        while True:
            try:
                await run_in_transaction(db, "SELECT pg_sleep(60)")
            except Exception:  # noqa: BLE001 - as in what runs in the background
                await asyncio.sleep(60)

    sleeping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    for number in range(30):
        working = asyncio.create_task(work_on())
        async with db.connection() as connection:
            pid = await wait_until(partial(connection.fetchval, sleeping), lambda pid: pid is not None)
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(number / 10_000)
        working.cancel()
        await asyncio.wait([working], timeout=10)
        assert working.cancelled()


async def test_demoted_primary(db: Database) -> None:
    """A server that no longer accepts writes is Unavailable, and its connections are dropped."""
    async with db.connection() as connection:
        before = await connection.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(Unavailable):
        await run_in_transaction(db, "SET TRANSACTION READ ONLY", "INSERT INTO notes VALUES (1, 'a')")
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != before


async def test_before_the_start_and_after_the_stop(build: Build) -> None:
    """Before the start, and after the stop, there is nothing to lend."""
    db = build()
    with pytest.raises(Unavailable):
        await count_notes(db)
    await db.stop()
    await db.start()
    await db.wait_until_ready()
    await db.stop()
    with pytest.raises(Unavailable):
        await count_notes(db)


async def test_stop_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """A connection that is not given back does not keep the process from ending."""
    db = build()
    await db.start()
    await db.wait_until_ready()
    monkeypatch.setattr(database, "COMMAND_TIMEOUT", 0.1)

    async def keep_a_connection() -> None:
        async with db.connection() as connection:
            await db.stop()
            await connection.execute("SELECT 1")

    with pytest.raises(Unavailable):
        await keep_a_connection()
