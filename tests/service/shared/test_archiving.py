"""A server that can't archive its log: the doctor and the metrics say so, before its disk is full of it."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import auth_service.parts
from shared.doctor.database import examine_database
from shared.doctor.findings import Finding
from shared.postgres import archiving, server_clock
from shared.postgres import database as database_module
from shared.postgres.archiving import ask_archiving
from shared.postgres.database import Database
from stack.postgres import running_postgres
from tests.support.waiting import wait_until


@pytest.fixture
def archived(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """Give a database whose server archives its log once a file is there, and that file.

    Until then its command fails; another may be asked for.
    """
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        Path(directory).chmod(0o755)
        switch = Path(directory) / "archives"
        command = getattr(request, "param", "test -e {}").format(switch)
        options = ("-c", "archive_mode=on", "-c", f"archive_command={command}")
        with running_postgres(Path(directory), durable=False):
            rules = Path(directory) / "postgres" / "pg_hba.conf"
        rules.write_text(f"local all postgres trust\n{rules.read_text()}")
        with running_postgres(Path(directory), durable=False, options=options) as postgres:
            yield postgres.urls.auth, switch
            switch.touch()  # a server that stops archives the rest


async def connect_as_superuser(url: str) -> asyncpg.Connection:
    """Return a connection that may finish a segment of the log, and make the table that it writes to for that."""
    superuser = await asyncpg.connect(url.replace("//auth:development-only-auth@/auth?", "//postgres@/postgres?"))
    await superuser.execute("CREATE TABLE words (word int)")
    return superuser


async def finish_segment(superuser: asyncpg.Connection) -> None:
    """Give the server something to archive."""
    await superuser.execute("INSERT INTO words VALUES (1)")
    await superuser.execute("SELECT pg_switch_wal()")


async def judge_archive(database: Database) -> Finding:
    """Return what the doctor says of the archive."""
    found = await examine_database(database, "auth_service")
    return next(each for each in found if each.subject == "archive")


async def test_a_failing_archive_is_told(archived: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the command fails the doctor finds a problem and the metric is 1; once it works again, neither."""
    monkeypatch.setattr(server_clock, "EVERY", 0.1)
    monkeypatch.setattr(database_module, "WATCH_PAUSE", 0.1)
    url, switch = archived
    database = Database(url, [auth_service.parts.MIGRATIONS], "auth_service")

    async def examine() -> Finding:
        await finish_segment(superuser)
        return await judge_archive(database)

    async def is_failing() -> bool:
        return database.is_archiving_failing

    superuser = await connect_as_superuser(url)
    await database.start()
    try:
        await database.wait_until_ready()
        told = await wait_until(examine, lambda each: each.level == "problem", seconds=30)
        assert "could not archive its log" in told.says
        await wait_until(is_failing, lambda failing: failing, seconds=30)
        switch.touch()
        await wait_until(examine, lambda each: each.level == "ok", seconds=30)
        await wait_until(is_failing, lambda failing: not failing, seconds=30)
    finally:
        await superuser.close()
        await database.stop()


@pytest.mark.parametrize("archived", ["until test -e {}; do sleep 0.1; done"], indirect=True)
async def test_an_archive_command_that_hangs_is_told(
    archived: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that neither ends nor fails is a problem once several segments wait; silence alone is not."""
    monkeypatch.setattr(archiving, "LONGEST_SILENCE", dt.timedelta(0))
    url, switch = archived
    database = Database(url, [auth_service.parts.MIGRATIONS], "auth_service")
    superuser = await connect_as_superuser(url)

    async def judge() -> Finding:
        return await judge_archive(database)

    try:
        switch.touch()
        await finish_segment(superuser)
        await wait_until(judge, lambda each: each.level == "ok", seconds=30)
        switch.unlink()
        for _ in range(5):
            await finish_segment(superuser)
        told = await judge()
        assert (told.level, "wait in pg_wal" in told.says) == ("problem", True)
        switch.touch()
        await wait_until(judge, lambda each: each.level == "ok", seconds=30)
    finally:
        await superuser.close()


async def test_a_role_that_may_not_know(url: str) -> None:
    """Where a hardened server lets the role read no statistics, that is no error: nobody can tell."""
    role = await asyncpg.connect(url)
    await role.execute("CREATE SCHEMA hidden; CREATE TABLE hidden.pg_stat_archiver (x int)")
    await role.execute("REVOKE SELECT ON hidden.pg_stat_archiver FROM CURRENT_USER")
    await role.execute("SET search_path = hidden, pg_catalog")
    try:
        assert await ask_archiving(role) is None
    finally:
        await role.execute("DROP SCHEMA hidden CASCADE")
        await role.close()


async def test_where_nothing_is_archived_nothing_is_said(url: str) -> None:
    """A server without an archive has none that could fail."""
    database = Database(url, [auth_service.parts.MIGRATIONS], "auth_service")
    found = await examine_database(database, "auth_service")
    assert {each.subject for each in found} == {"database"}
