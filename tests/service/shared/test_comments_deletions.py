"""What a deleted user leaves in ``examples/comments``, whose statement others copy: all goes, whoever else deletes."""

import asyncio
import importlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared import users_copy
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.postgres.housekeeping import BITE, Housekeeping
from shared.users_copy.deletions import finish_removals, until_none
from tests.support.comments_example import EXAMPLE, PACKAGE
from tests.support.waiting import wait_until

WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND datname = current_database()
"""


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Give the example's database."""
    database = Database(url, [users_copy.MIGRATIONS, EXAMPLE / PACKAGE / "migrations"], PACKAGE)
    await database.start()
    await database.wait_until_ready()
    yield database
    await database.stop()


async def test_rows_that_others_delete_meanwhile_hide_no_others(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody else deletes a whole bite of a user's comments, housekeeping waits, and then deletes the rest."""
    monkeypatch.syspath_prepend(EXAMPLE)
    delete_comments_of = importlib.import_module(f"{PACKAGE}.comments").delete_comments_of
    housekeeping = Housekeeping(database, {"removals": finish_removals(until_none(delete_comments_of))}, Metrics())
    other = await asyncpg.connect(url)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO comments (post_id, author_id, content) SELECT 1, 1, 'x' FROM generate_series(1, $1::int)",
            BITE + 500,
        )
        await connection.execute("INSERT INTO removals (author_id) VALUES (1)")
        async with other.transaction():
            assert await delete_comments_of(other, 1, BITE) == BITE
            bite = asyncio.create_task(housekeeping.take_bites())
            await wait_until(lambda: connection.fetchval(WAITING), bool)
        await bite
        await housekeeping.finish()
        assert await connection.fetchval("SELECT count(*) FROM comments") == 0
        assert await connection.fetchval("SELECT count(*) FROM removals") == 0
    await other.close()
    await housekeeping.stop()
