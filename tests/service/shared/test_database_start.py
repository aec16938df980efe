"""The start of a service's database: migrations once, and patience while the server is down."""

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.observing.logs import set_up_logs
from shared.postgres import database, start_log
from stack.postgres import running_postgres
from tests.service.shared.conftest import Build, WriteMigration
from tests.support.log_lines import lines_of
from tests.support.waiting import eventually, wait_until


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "RETRY_PAUSE", 0.05)
    monkeypatch.setattr(database, "WATCH_PAUSE", 0.05)
    monkeypatch.setattr(database, "START_TIMEOUT", 0.1)


async def test_concurrent_starts_migrate_once(build: Build, write_migration: WriteMigration, url: str) -> None:
    """Replicas that start together apply each migration once, one of them while the others wait."""
    write_migration("0002-first", "INSERT INTO notes SELECT 1, pg_sleep(0.2)::text;", depends="0001-notes")
    replicas = [build() for _ in range(5)]

    await asyncio.gather(*(replica.start() for replica in replicas))
    await asyncio.gather(*(replica.wait_until_ready() for replica in replicas))
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM notes") == 1
    assert await connection.fetchval("SELECT count(*) FROM _pogo_migration") == 2
    await connection.close()


async def test_later_migration(build: Build, write_migration: WriteMigration) -> None:
    """A later start applies the migrations added since, and only those."""
    first = build()
    await first.start()
    await first.wait_until_ready()
    write_migration("0002-first", "INSERT INTO notes VALUES (1, 'a');", depends="0001-notes")

    second = build()
    await second.start()
    await second.wait_until_ready()
    async with second.connection() as connection:
        assert await connection.fetchval("SELECT array_agg(text) FROM notes") == ["a"]


async def test_migrations_are_one_line(
    build: Build, write_migration: WriteMigration, caplog: pytest.LogCaptureFixture, logging_as_it_was: None
) -> None:
    """The log says in one line how many migrations there are to apply; with none, there is no line."""
    del logging_as_it_was
    set_up_logs("service", "INFO", "text")
    write_migration("0002-first", "INSERT INTO notes VALUES (1, 'a');", depends="0001-notes")
    with capture_logs() as logs:
        for db in (build(), build()):
            await db.start()
            await db.wait_until_ready()
    (line,) = lines_of(logs, "migration")
    assert (line["log_level"], line["migrations"], line["last"]) == ("info", 2, "0002-first")
    assert [record for record in caplog.records if record.name.startswith("pogo")] == []


async def test_migration_that_fails(build: Build, write_migration: WriteMigration) -> None:
    """A migration that fails is named with its reason and leaves nothing behind; corrected, it is applied."""
    write_migration("0002-first", "INSERT INTO notes VALUES (1, 'a'); SELECT nothing;", depends="0001-notes")
    db = build()
    with capture_logs() as logs:
        await db.start()
        await eventually(lambda: bool(lines_of(logs, "migration_failed")))
        await asyncio.sleep(0.3)  # in which it is tried again, and not told again

    assert db.find_lack() == "not connected"
    (begun, *failed) = lines_of(logs, "migration", "database")
    assert begun["event"] == "migration_begun"
    assert [line["event"] for line in failed] == ["migration_failed"]
    assert failed[0]["migration"] == "Failed to apply 0002-first"
    assert failed[0]["error"].startswith("the migration 0002-first fails: ")
    assert "nothing" in failed[0]["reason"]
    write_migration("0002-first", "INSERT INTO notes VALUES (2, 'b');", depends="0001-notes")
    await db.wait_until_ready()
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT array_agg(text) FROM notes") == ["b"]


async def test_migration_that_is_cut_off(build: Build, write_migration: WriteMigration, url: str) -> None:
    """A migration whose connection is lost is retried."""
    write_migration("0002-first", "INSERT INTO notes SELECT 1, pg_sleep(0.5)::text;", depends="0001-notes")
    db = build()
    await db.start()
    await asyncio.sleep(0.2)

    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = current_user AND pid <> pg_backend_pid()"
    )
    await db.wait_until_ready()
    assert await connection.fetchval("SELECT count(*) FROM notes") == 1
    await connection.close()


async def test_server_comes_goes_and_comes_again(build: Build, data: Path) -> None:
    """A service starts without its server, uses it once it is up, and again after it was down, without a restart."""
    with running_postgres(data, durable=False) as postgres:
        url = postgres.urls.posts
    db = build(url)
    await db.start()
    await asyncio.sleep(0.1)
    assert db.find_lack() == "not connected"
    with pytest.raises(Unavailable):
        async with db.connection():
            raise AssertionError("there is nothing to lend")

    with running_postgres(data, durable=False) as postgres:
        assert postgres.urls.posts == url
        await asyncio.wait_for(db.wait_until_ready(), 10)
        async with db.connection() as connection:
            await connection.execute("INSERT INTO notes VALUES (1, 'a')")
    with pytest.raises(Unavailable):
        async with db.connection() as connection:
            await connection.execute("INSERT INTO notes VALUES (2, 'b')")
    with running_postgres(data, durable=False):
        async with db.connection() as connection:
            assert await connection.fetchval("SELECT array_agg(id) FROM notes") == [1]


async def test_readiness_follows_the_server(build: Build, data: Path) -> None:
    """A server that goes down later is noticed, and so is its return, even without requests."""
    with running_postgres(data, durable=False) as postgres:
        db = build(postgres.urls.posts)
        await db.start()
        await db.wait_a_moment()
        await db.wait_until_ready()
        assert db.find_lack() is None

    async def find_lack() -> str | None:
        return db.find_lack()

    await wait_until(find_lack, lambda lack: lack == "lost", 20)
    with running_postgres(data, durable=False):
        await wait_until(find_lack, lambda lack: lack is None, 20)


async def test_start_does_not_wait_for_long(build: Build) -> None:
    """A start waits for its server only for a moment; after that the service keeps waiting in the background."""
    db = build("postgresql://127.0.0.1:1/posts")
    await db.start()
    await asyncio.wait_for(db.wait_a_moment(), 10)
    assert db.find_lack() == "not connected"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("postgresql://posts:wrong@/posts", "refuses the password of the role posts"),
        ("postgresql://nobody:wrong@/posts", "does not let the role nobody in: no pg_hba.conf entry"),
        ("postgresql://127.0.0.1:1/posts", "nothing listens at 127.0.0.1:1"),
        ("postgresql://no-such-host.invalid/posts", "can't be looked up"),
    ],
)
async def test_server_that_is_not_there(build: Build, url: str, bad: str, said: str) -> None:
    """With a wrong address or password a service keeps trying, and says once what is wrong, and never the password."""
    db = build(f"{bad}?{url.partition('?')[2]}" if "@/" in bad else bad)
    with capture_logs() as logs:
        await db.start()
        await eventually(lambda: bool(lines_of(logs, "database")))
        await asyncio.sleep(0.3)  # in which it is tried again, and not told again
        await db.stop()

    assert db.find_lack() == "not connected"
    (line,) = lines_of(logs, "migration", "database")
    assert (line["event"], line["log_level"], set(line)) == (
        "database_not_there_yet",
        "warning",
        {"event", "error", "log_level"},
    )
    assert line["error"].startswith("DATABASE_URL: ")
    assert said in line["error"]
    assert "wrong" not in line["error"]
    assert line["error"] == db.start_log.obstacle


async def test_what_lasts_is_told_again(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that stays is told again after half a minute, and nothing is told of once the server is there."""
    monkeypatch.setattr(start_log, "AGAIN_AFTER", 0.1)
    db = build("postgresql://127.0.0.1:1/posts")
    began = time.monotonic()
    with capture_logs() as logs:
        await db.start()
        await eventually(lambda: len(lines_of(logs, "database")) >= 3)
        await db.stop()
    told = lines_of(logs, "database")
    assert len(told) <= 1 + (time.monotonic() - began) / start_log.AGAIN_AFTER
    assert {line["event"] for line in told} == {"database_not_there_yet"}
