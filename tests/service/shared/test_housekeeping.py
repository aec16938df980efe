"""Housekeeping, on a real PostgreSQL: with its own connection, beside replicas, and stopped at any moment."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.observing.metrics import Metrics
from shared.postgres import database
from shared.postgres.database import Connection, Database
from shared.postgres.housekeeping import BITE, Housekeeping, until_few
from shared.timing import COMMAND_TIMEOUT
from tests.service.shared.conftest import Build
from tests.support.log_lines import Line, lines_of
from tests.support.waiting import wait_until

MANY = 4 * BITE
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

Hire = Callable[[Database], Housekeeping]


async def delete_notes(connection: Connection, limit: int) -> int:
    """Delete some notes, and return how many."""
    rows = await connection.fetch(
        "DELETE FROM notes WHERE id = ANY(ARRAY(SELECT id FROM notes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)) "
        "RETURNING 1",
        limit,
    )
    return len(rows)


@pytest.fixture
async def hire() -> AsyncIterator[Hire]:
    """Give a factory of housekeepings whose only chore is to delete all notes; each is stopped at the end."""
    hired: list[Housekeeping] = []

    def hire_one(db: Database) -> Housekeeping:
        hired.append(Housekeeping(db, {"notes": until_few(delete_notes)}, Metrics()))
        return hired[-1]

    yield hire_one
    await asyncio.gather(*(one.stop() for one in hired))


@pytest.fixture
async def other(db: Database, url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give somebody else's connection to a database with many notes."""
    del db  # it makes the table
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO notes SELECT i, '' FROM generate_series(1, $1::int) AS i", MANY)
    yield connection
    await connection.close()


async def count_notes(connection: asyncpg.Connection) -> int:
    """Return how many notes there are."""
    found: int = await connection.fetchval("SELECT count(*) FROM notes")
    return found


async def find_waiting(db: Database) -> int:
    """Return the process that waits for a lock, once there is one."""
    async with db.connection() as connection:
        pid = await wait_until(partial(connection.fetchval, WAITING), lambda pid: pid is not None)
    assert isinstance(pid, int)
    return pid


def told(logs: list[Line]) -> list[tuple[str, str, object]]:
    """Return what housekeeping wrote to the log: level, event, rows."""
    return [(line["log_level"], line["event"], line.get("notes")) for line in lines_of(logs, "housekeeping")]


async def test_it_takes_no_connection_of_the_pool(
    monkeypatch: pytest.MonkeyPatch, build: Build, hire: Hire, other: asyncpg.Connection
) -> None:
    """While requests hold all connections of the pool housekeeping goes on, and so do they while it works."""
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT", 0.1)
    db = build(pool_size=1)
    await db.start()
    await db.wait_until_ready()
    async with db.connection():
        await hire(db).finish()
    assert await count_notes(other) == 0


async def test_its_connection_has_the_timeouts_of_the_service(db: Database) -> None:
    """A bite that waits too long ends as a request's statement does."""
    connection = await db.connect_apart()
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    assert [await connection.fetchval(f"SHOW {name}") for name in names] == ["6s", "2s", "10s", "some_service"]
    await connection.close()


async def test_replicas_share_the_work(db: Database, other: asyncpg.Connection) -> None:
    """Three that work at the same time take each row once, and none fails or waits for another."""
    taken: list[int] = []

    async def delete_and_count(connection: Connection, limit: int) -> int:
        taken.append(await delete_notes(connection, limit))
        return taken[-1]

    chores = {"notes": until_few(delete_and_count)}
    replicas = [Housekeeping(db, chores, Metrics()) for _ in range(3)]
    with capture_logs() as logs:
        await asyncio.gather(*(replica.finish() for replica in replicas))
        await asyncio.gather(*(replica.stop() for replica in replicas))
    assert (await count_notes(other), sum(taken)) == (0, MANY)
    assert not lines_of(logs, "housekeeping_failed")


async def test_a_replica_that_hangs_holds_up_no_other(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """The rows that one replica has locked, however long, are left to it: the others clear away the rest."""
    async with other.transaction():
        await delete_notes(other, BITE)
        await hire(db).finish()
    assert await count_notes(other) == 0


async def test_it_is_stopped_in_the_middle_of_a_bite(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """Told to stop, it rolls back the bite under way and leaves no connection behind."""
    housekeeping = hire(db)
    async with other.transaction():
        await other.execute("LOCK TABLE notes IN SHARE MODE")
        housekeeping.start()
        pid = await find_waiting(db)
        await housekeeping.stop()
    assert await count_notes(other) == MANY
    there = partial(other.fetchval, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)
    await wait_until(there, lambda count: count == 0)


async def test_a_server_that_hangs_holds_up_no_stop(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """Told to stop during a bite while the server answers nothing, it gives up its connection instead of waiting.

    The server then rolls back the bite by itself.
    """
    housekeeping = hire(db)
    async with other.transaction():
        await other.execute("LOCK TABLE notes IN SHARE MODE")
        housekeeping.start()
        pid = await find_waiting(db)
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):  # what the end of a process leaves for all that is stopped
                await housekeeping.stop()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert await count_notes(other) == MANY
    there = partial(other.fetchval, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)
    await wait_until(there, lambda count: count == 0)


async def test_it_outlives_its_connection(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """When its connection is cut in the middle of a bite, the log says so once and the next bite gets a new one."""
    housekeeping = hire(db)
    with capture_logs() as logs:
        async with other.transaction():
            await other.execute("LOCK TABLE notes IN SHARE MODE")
            biting = asyncio.create_task(housekeeping.take_bites())
            pid = await find_waiting(db)
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            assert not await biting
        await housekeeping.finish()
    assert await count_notes(other) == 0
    assert [line[:2] for line in told(logs)] == [
        ("warning", "housekeeping_failed"),
        ("info", "housekeeping_resumed"),
        ("info", "housekeeping_done"),
    ]


async def test_a_stop_is_never_lost(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """It stops even if its connection is lost while the bite is rolled back; else the service would never stop."""
    for number in range(10):
        housekeeping = hire(db)
        async with other.transaction():
            await other.execute("LOCK TABLE notes IN SHARE MODE")
            housekeeping.start()
            pid = await find_waiting(db)
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(number / 10_000)
            async with asyncio.timeout(10):
                await housekeeping.stop()


async def test_it_waits_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, db: Database, hire: Hire, other: asyncpg.Connection
) -> None:
    """Without a connection nothing is lost, and it goes on once there is one."""
    housekeeping = hire(db)
    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr(db._servers, "_urls", ["postgresql://nobody@127.0.0.1:1/posts"])  # noqa: SLF001 - it is away
            assert not await housekeeping.take_bites()
            assert not await housekeeping.take_bites()
        await housekeeping.finish()
    assert await count_notes(other) == 0
    assert told(logs)[0][:2] == ("warning", "housekeeping_failed")
    assert len(lines_of(logs, "housekeeping_failed")) == 1


async def test_the_log_tells_of_much_only(db: Database, hire: Hire, other: asyncpg.Connection) -> None:
    """The rows cleared away are one line at the end: at INFO if they were many, else at DEBUG; without any, no line."""
    housekeeping = hire(db)
    with capture_logs() as logs:
        await housekeeping.finish()
        await housekeeping.finish()
        await other.execute("INSERT INTO notes VALUES (1, ''), (2, '')")
        await housekeeping.finish()
    assert told(logs) == [("info", "housekeeping_done", MANY), ("debug", "housekeeping_done", 2)]


async def test_the_age_of_a_chore_shows(db: Database, other: asyncpg.Connection) -> None:
    """A chore that fails grows older, and one that was done, though there was nothing to do, is new again."""
    del other
    fails = True

    async def fail_first(connection: Connection, limit: int) -> int:
        if fails:
            raise RuntimeError
        return await delete_notes(connection, limit)

    metrics = Metrics()
    housekeeping = Housekeeping(db, {"notes": until_few(fail_first)}, metrics)

    def read_age() -> float:
        age = metrics.registry.get_sample_value("gatepost_housekeeping_age_seconds", {"chore": "notes"})
        assert age is not None
        return age

    await housekeeping.take_bites()
    await asyncio.sleep(0.05)
    failed = read_age()
    fails = False
    await housekeeping.take_bites()
    assert failed >= 0.05
    assert read_age() < failed
    await housekeeping.stop()
