"""The database as the previous release left it: what the migration makes of it, and that nothing else migrates."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from auth_service.operators.command_line import COMMANDS
from auth_service.parts import MIGRATIONS
from auth_service.sessions.sessions import MOST
from shared.auth_events.contract import AUTH_SERVICE
from shared.command_line.dispatch import run_command
from shared.command_line.exit_statuses import ExitStatus
from shared.postgres.database import Database
from shared.settings import SAMPLE_SECRETS
from tests.service.auth.test_bounds import FILL_SESSIONS
from tests.support.own_postgres import own_postgres

LAST_BEFORE = "0005"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give the URL of a database that no other test uses."""
    with own_postgres() as urls:
        yield urls.auth


@pytest.fixture
async def old(url: str, tmp_path: Path) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to a database with the schema of the previous release."""
    for path in MIGRATIONS.glob("*.sql"):
        if path.name[:4] <= LAST_BEFORE:
            shutil.copy(path, tmp_path)
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE")
    await connection.execute("CREATE SCHEMA public")
    await Database(url, [tmp_path], "auth_service").migrate()
    yield connection
    await connection.close()


async def test_whoever_has_too_many_sessions_keeps_the_newest(old: asyncpg.Connection, url: str) -> None:
    """If a user has thousands of live sessions all but the newest hundred are over at once; nobody else's are."""
    for name in ("ada", "grace"):
        await old.execute("INSERT INTO users (name, email, email_key, password_hash) VALUES ($1, $1, $1, '')", name)
    await old.execute(FILL_SESSIONS, 1, 5000)
    await old.execute("UPDATE sessions SET created_at = created_at - random() * interval '1 day'")
    await old.execute(FILL_SESSIONS, 2, MOST)
    await Database(url, [MIGRATIONS], "auth_service").migrate()
    [cutoff] = await old.fetch("SELECT user_id, began_by, because FROM session_cutoffs")
    assert (cutoff["user_id"], cutoff["because"]) == (1, "too_many")
    kept = "SELECT count(*) FROM sessions WHERE user_id = 1 AND created_at > $1"
    assert await old.fetchval(kept, cutoff["began_by"]) == MOST


@pytest.mark.parametrize("words", [("user", "list"), ("audit",), ("user", "delete", "1")])
@pytest.mark.usefixtures("logging_as_it_was")
async def test_a_command_does_not_migrate(
    old: asyncpg.Connection,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    """An operator's command leaves an older schema alone, and says what to do: the previous release may be running."""
    for name, value in {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "AUTH_DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    before = await old.fetch("SELECT migration_id FROM _pogo_migration")
    status = await asyncio.to_thread(run_command, AUTH_SERVICE, [COMMANDS], words)
    assert (status, capsys.readouterr().err) == (
        ExitStatus.FAILED,
        "The database's schema is older than this release: bring it up to date with python -m auth_service migrate\n",
    )
    assert await old.fetch("SELECT migration_id FROM _pogo_migration") == before
