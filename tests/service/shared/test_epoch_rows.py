"""A row of ``epochs`` that a service, an operator or a migration writes was not put back, however it is written."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from pogo_core.util import migrate

import auth_service.parts
import posts_service.parts
from shared.postgres.epochs import find_move, find_sight, insert_epoch, update_seen

SERVICES = {"users": auth_service.parts.MIGRATIONS, "posts": posts_service.parts.MIGRATIONS}


@pytest.fixture(params=SERVICES)
def guarded(request: pytest.FixtureRequest) -> str:
    """Give the table that a service guards."""
    return str(request.param)


@pytest.fixture
async def connection(url: str, guarded: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to a service's database."""
    connection = await asyncpg.connect(url)
    await migrate.apply(connection, SERVICES[guarded], schema_name="public")
    await assert_in_place(connection, guarded)
    yield connection
    await connection.close()


async def assert_in_place(connection: asyncpg.Connection, guarded: str) -> None:
    """Check that the data is where the last epoch says, and nothing lost."""
    sight, move = await find_sight(connection, guarded), await find_move(connection, guarded)
    assert sight is not None
    assert move is not None
    assert (sight.is_in_place, move.is_loss, move.may_be_loss) == (True, False, False)


async def test_when_the_data_was_last_seen_is_exact(connection: asyncpg.Connection, guarded: str) -> None:
    """It is noted every ten seconds, so that a server that was away for longer than two minutes shows soon after."""
    for seconds, is_to_be_noted in ((5, False), (11, True)):
        age = "UPDATE epochs SET seen_at = clock_timestamp() - $1 * interval '1 second'"
        await connection.execute(age, seconds)
        sight = await find_sight(connection, guarded)
        assert sight is not None
        assert sight.is_to_be_noted == is_to_be_noted


async def test_a_savepoint_changes_nothing(connection: asyncpg.Connection, guarded: str) -> None:
    """A row may be changed, and an epoch begin, in a transaction within another."""
    async with connection.transaction(), connection.transaction():
        await update_seen(connection)
    await assert_in_place(connection, guarded)
    async with connection.transaction():
        async with connection.transaction():
            epoch = await insert_epoch(connection, guarded, 0, is_loss=False, told_by=None)
        await assert_in_place(connection, guarded)
        async with connection.transaction():
            await update_seen(connection)
    assert epoch.number == 2
    await assert_in_place(connection, guarded)


async def test_a_rewritten_table_is_noted(connection: asyncpg.Connection, guarded: str) -> None:
    """A migration that rewrites the table notes that its rows were not put back, as ``epochs`` prescribes."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE epochs ADD COLUMN chance double precision NOT NULL DEFAULT random()")
        await connection.execute("UPDATE epochs SET seen_at = seen_at")
    await assert_in_place(connection, guarded)


async def test_a_row_that_was_put_back_shows(connection: asyncpg.Connection, guarded: str) -> None:
    """A row that another transaction wrote than the one that it names was put back: a loss."""
    async with connection.transaction():
        await connection.execute("CREATE TEMPORARY TABLE kept AS TABLE epochs")
        await connection.execute("ALTER TABLE epochs DISABLE TRIGGER USER; TRUNCATE epochs CASCADE")
        await connection.execute("ALTER TABLE epochs ENABLE TRIGGER USER; INSERT INTO epochs TABLE kept")
    move = await find_move(connection, guarded)
    assert move is not None
    assert move.is_loss
