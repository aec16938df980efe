"""PostgreSQL was restarted, and nothing was lost: nobody is signed out, whichever release runs beside this one."""

import asyncio
import datetime as dt
import json
import uuid

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.parts import MIGRATIONS
from auth_service.tables.revocations import insert_revocations
from auth_service.tables.sessions import SessionId
from auth_service.tables.user_changes import ChangeKind, insert_user_change
from auth_service.tables.users import User, find_user
from shared.postgres.epochs import lock_epochs
from tests.support.epochs import go_on_as_before, move_server_start, repeat_after_deadlock
from tests.support.feed_reader import FeedReader
from tests.support.people import Person

TTL = dt.timedelta(hours=1)
COUNTING = "SELECT count(*) FROM epochs WHERE is_loss"


async def end_a_session(database: asyncpg.Connection) -> None:
    """Write an entry of the feed of revocations, as a replica does that has not looked yet."""
    await insert_revocations(database, [SessionId(uuid.uuid4())], TTL)


async def assert_nothing_lost(app: Starlette, client: httpx2.AsyncClient, reader: FeedReader, losses: int) -> None:
    """Check that a reader of the feed reads on after the next look, and that no loss began."""
    await app.state.parts.epoch_watch.look()
    assert not (await reader.read(client)).has_gone_back
    async with app.state.parts.database.connection() as connection:
        assert await connection.fetchval(COUNTING) == losses


async def test_the_release_before_goes_on_with_the_epoch(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """What it gave in an epoch after a restart is no loss at the next one, however early the first entry came."""
    losses = await database.fetchval(COUNTING)
    await end_a_session(database)
    reader = await FeedReader("revocations").read(client)
    async with database.transaction():
        await move_server_start(database)
        await end_a_session(database)
        await go_on_as_before(database)
        await end_a_session(database)
    reader = await reader.read(client)
    async with database.transaction():
        await move_server_start(database)
        await end_a_session(database)
    await assert_nothing_lost(app, client, reader, losses)


async def test_the_release_before_gives_an_entry_before_anybody_has_looked(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """While replicas are being replaced, the epoch is that in which the schema was brought up to date.

    A poll that waits at the release before is answered with what comes after a restart, in that epoch.
    """
    del ada  # there are users
    losses = await database.fetchval(COUNTING)
    await end_a_session(database)
    reader = await FeedReader("revocations").read(client)
    await repeat_after_deadlock(database, bring_up_to_date_again, move_server_start, end_a_session)
    newest = await database.fetchval("SELECT max(id) FROM revocations")
    await assert_nothing_lost(app, client, FeedReader("revocations", newest, reader.epoch), losses)


async def bring_up_to_date_again(database: asyncpg.Connection) -> None:
    """Undo and redo the migration that lets each start of the server begin an epoch."""
    script = (MIGRATIONS / "0015-every-start-an-epoch.sql").read_text()
    up, _, down = script.partition("-- migrate: rollback")
    await database.execute(down)
    await database.execute(up)


async def test_ids_that_were_never_written_are_no_loss(
    app: Starlette, ada: Person, client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A crash takes back the numbers of what was not committed; what was is as high as it was seen."""
    losses = await database.fetchval(COUNTING)
    signing_up = database.transaction()
    await signing_up.start()
    await database.fetch("SELECT nextval('users_id_seq') FROM generate_series(1, 40)")
    await app.state.parts.epoch_watch.look()
    await signing_up.rollback()
    async with database.transaction():
        await database.execute("SELECT setval('users_id_seq', $1)", ada.id)
        await move_server_start(database)
    await assert_nothing_lost(app, client, FeedReader("revocations"), losses)
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200


async def test_two_writers_of_both_feeds_do_not_block_each_other(
    app: Starlette, ada: Person, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """Before anybody has looked, one may write to the first feed, then to the second that another is writing to."""
    user = await find_user(database, ada.id)
    assert user is not None
    looking, other = [await asyncpg.connect(auth_database_url) for _ in range(2)]
    async with looking.transaction():
        await lock_epochs(looking)  # nobody can look meanwhile
        await move_server_start(database)
        async with asyncio.timeout(30):
            await asyncio.gather(*write_crosswise(database, other, user))
    for connection in (looking, other):
        await connection.close()
    await app.state.parts.epoch_watch.look()


def write_crosswise(
    deleting: asyncpg.Connection, renaming: asyncpg.Connection, user: User
) -> "list[asyncio.Task[None]]":
    """Write to both feeds as a deletion does, and to the second one meanwhile, as a change of a name does."""
    has_begun = asyncio.Event()

    async def delete() -> None:
        async with deleting.transaction():
            await end_a_session(deleting)
            has_begun.set()
            await asyncio.wait([renamed], timeout=1)
            await insert_user_change(deleting, ChangeKind.DELETED, user)

    async def rename() -> None:
        await has_begun.wait()
        async with renaming.transaction():
            await insert_user_change(renaming, ChangeKind.RENAMED, user)

    renamed = asyncio.create_task(rename())
    return [renamed, asyncio.create_task(delete())]


@pytest.mark.parametrize(
    ("table", "insert"),
    [
        ("revocations", "(session_id, until) SELECT gen_random_uuid(), now()"),
        ("user_changes", "(kind, user_id) SELECT 'deleted', number"),
    ],
)
async def test_the_place_of_the_data_is_looked_at_once(database: asyncpg.Connection, table: str, insert: str) -> None:
    """A statement that ends a thousand sessions looks once where the data is, not for each of them."""
    statement = f"INSERT INTO {table} {insert} FROM generate_series(1, 1000) AS number"
    [(found,)] = await database.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
    calls = {trigger["Trigger Name"]: trigger["Calls"] for trigger in json.loads(found)[0]["Triggers"]}
    assert calls["note_end"] == 1
