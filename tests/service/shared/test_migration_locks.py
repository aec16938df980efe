"""A migration whose table is in use: it keeps nobody waiting, and says what it waits for."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.postgres import schema
from shared.postgres.obstacles import DatabaseUnreachable
from shared.postgres.schema import MigrationFailed
from shared.timing import LOCK_TIMEOUT
from tests.service.shared.conftest import Build, WriteMigration
from tests.support.log_lines import lines_of
from tests.support.waiting import eventually

ALTER = "ALTER TABLE notes ADD COLUMN read_at timestamptz;"


@pytest.fixture
async def reader(build: Build, write_migration: WriteMigration, url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection whose transaction, once begun, has the table in use that the next migration changes."""
    await build().migrate()
    write_migration("0002-first", ALTER, depends="0001-notes")
    connection = await asyncpg.connect(url)
    await connection.execute("BEGIN; SELECT FROM notes")
    yield connection
    await connection.close()


async def test_nobody_waits_behind_a_migration(
    build: Build, reader: asyncpg.Connection, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a long transaction keeps a migration waiting, others are served; once it ends, the migration is done."""
    monkeypatch.setattr(schema, "LOCK_PAUSES", (0.2,) * 100)
    other = await asyncpg.connect(url, server_settings={"lock_timeout": f"{LOCK_TIMEOUT * 1000:.0f}"})
    with capture_logs() as logs:
        migrating = asyncio.create_task(build().migrate())
        while not lines_of(logs, "migration_waits"):
            assert await other.fetch("SELECT FROM notes") == []  # LockNotAvailableError: it was kept waiting
            await asyncio.sleep(0.05)
        await reader.execute("COMMIT")
        await migrating
    waits = lines_of(logs, "migration_waits")
    assert waits[0]["log_level"] == "warning"
    assert waits[0]["error"].startswith("Failed to apply 0002-first: a table that it changes is in use")
    assert await other.fetch("SELECT read_at FROM notes") == []
    await other.close()


async def test_a_migration_gives_up(build: Build, reader: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the transaction never ends, so does the migration, with what to do; nothing of it is left."""
    monkeypatch.setattr(schema, "LOCK_PAUSES", (0.1,))
    with pytest.raises(MigrationFailed, match=r"0002-first: .* stayed in use in 2 tries\. Find the transaction"):
        await build().migrate()
    assert (await build().compare_schema()).lacking == ["0002-first"]
    assert reader.is_in_transaction()


async def test_replicas_wait_for_their_turn(build: Build, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica waits while another migrates, for longer than for any lock, and gives up with a sentence."""
    other = await asyncpg.connect(url)
    await other.execute(f"SELECT pg_advisory_lock({schema.TURN})")
    monkeypatch.setattr(schema, "TURNS", 2)
    with pytest.raises(DatabaseUnreachable, match="another replica has been migrating"):
        await build().migrate()
    started = build()
    with capture_logs() as logs:
        await started.start()
        await eventually(lambda: bool(lines_of(logs, "database_not_there_yet")))
        await other.close()
        await started.wait_until_ready()
    await started.stop()
    (line,) = lines_of(logs, "database_not_there_yet")
    assert line["error"].startswith("DATABASE_URL: another replica has been migrating for a long time; look at its log")
