"""The copy of users that a service can add: its tables, its feed, and the removal of deleted users' rows."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from posts_service.parts import MIGRATIONS as POSTS
from shared import users_copy
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.housekeeping import Housekeeping
from shared.settings import SAMPLE_SECRETS
from shared.tokens.claims import Claims
from shared.users_copy.authors import upsert_author
from shared.users_copy.deletions import finish_removals, until_none
from shared.users_copy.following import create_user_change_follower
from shared.web.service_calls import ServiceClient
from tests.service.shared.conftest import WriteMigration
from tests.support.fake_auth_service import FakeAuthService, running_auth_service
from tests.support.service_callers import tokens_of
from tests.support.waiting import wait_until

SECRET = SAMPLE_SECRETS["SERVICE_SECRET"]
TABLES = ["authors", "followed_feeds", "removals"]
NOTES = "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, author_id bigint REFERENCES authors, text text);"

# For each table: its columns, constraints, indexes and comments.
DESCRIPTION = """
    SELECT format('%s %s: %s %s %s', relname, attname, format_type(atttypid, atttypmod),
        pg_get_expr(adbin, adrelid), col_description(pg_class.oid, attnum))
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE relname = ANY($1)
    UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = ANY($1::regclass[]::oid[])
    UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename = ANY($1)
    UNION ALL SELECT obj_description(name::regclass) FROM unnest($1) AS name
    ORDER BY 1
"""


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to an empty database."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuthService]:
    """Give an auth service whose feed the test controls."""
    async with running_auth_service(SECRET) as fake:
        yield fake


@pytest.fixture
async def database(url: str, migrations: Path, write_migration: WriteMigration) -> AsyncIterator[Database]:
    """Give the database of a small service: notes, each by somebody in the copy of users."""
    write_migration("0001-notes", NOTES)
    database = Database(url, [users_copy.MIGRATIONS, migrations], "notes_service")
    await database.start()
    await database.wait_until_ready()
    yield database
    await database.stop()


@pytest.fixture
async def housekeeping(database: Database, auth: FakeAuthService) -> AsyncIterator[Housekeeping]:
    """Give the housekeeping of that service, which follows the auth service."""
    client = ServiceClient(auth.url, caller="posts_service", callee="auth_service", tokens=tokens_of(SECRET))
    metrics = Metrics()
    feed = create_user_change_follower(client, database, metrics)
    feed.start()
    housekeeping = Housekeeping(database, {"removals": finish_removals(until_none(delete_notes_of))}, metrics)
    yield housekeeping
    await housekeeping.stop()
    await feed.stop()
    await client.close()


async def delete_notes_of(connection: Connection, author_id: int, limit: int) -> int:
    """Delete some notes of a user, and return how many."""
    done: str = await connection.execute(
        "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE author_id = $1 LIMIT $2 FOR UPDATE)",
        author_id,
        limit,
    )
    return int(done.removeprefix("DELETE "))


async def write_notes(database: Database, user_id: int, name: str, number: int) -> None:
    """Let a user write that many notes."""
    now = int(time.time())
    async with database.transaction() as connection:
        await upsert_author(connection, Claims(user_id, name, f"{name}@example.com", "s", "t", now, now + 3600))
        await connection.execute(
            "INSERT INTO notes (author_id, text) SELECT $1, 'x' FROM generate_series(1, $2::int)", user_id, number
        )


async def describe(url: str, connection: asyncpg.Connection, migrations: list[Path]) -> list[str]:
    """Return the description of the tables in a database with only these migrations."""
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await Database(url, migrations, "some_service").migrate()
    return [line for (line,) in await connection.fetch(DESCRIPTION, TABLES)]


async def test_every_service_has_the_same_tables(url: str, connection: asyncpg.Connection) -> None:
    """The tables that the posts service created itself are in every respect those that another service gets."""
    of_posts = await describe(url, connection, [POSTS, users_copy.MIGRATIONS])
    of_others = await describe(url, connection, [users_copy.MIGRATIONS])
    assert of_posts == of_others
    assert len(of_others) > len(TABLES)


async def test_a_database_of_the_release_before_goes_on(url: str, connection: asyncpg.Connection) -> None:
    """The posts service's existing tables are taken over in place, with all their rows."""
    await Database(url, [POSTS], "posts_service").migrate()
    await connection.execute(
        "INSERT INTO authors (id, name, email, as_of) VALUES (1, 'Ada', 'a@example.com', 'infinity')"
    )
    await connection.execute("INSERT INTO removals VALUES (2)")
    await connection.execute("UPDATE followed_feeds SET position = 7, highest_id = 2")
    places = "SELECT name, name::regclass::oid, pg_relation_filenode(name::regclass) FROM unnest($1::text[]) AS name"
    were = await connection.fetch(places, TABLES)
    await Database(url, [POSTS, users_copy.MIGRATIONS], "posts_service").migrate()
    assert await connection.fetch(places, TABLES) == were
    assert await connection.fetchval("SELECT name FROM authors WHERE id = 1 AND as_of = 'infinity'") == "Ada"
    assert await connection.fetchval("SELECT author_id FROM removals") == 2
    assert await connection.fetch("SELECT position, highest_id FROM followed_feeds") == [(7, 2)]


@pytest.mark.usefixtures("housekeeping")
async def test_a_service_knows_names(database: Database, auth: FakeAuthService, connection: asyncpg.Connection) -> None:
    """A name is known from its author's token, and soon from the auth service when it changes."""
    await write_notes(database, 1, "Ada", 1)
    names = "SELECT authors.name FROM notes JOIN authors ON authors.id = notes.author_id"
    assert await connection.fetchval(names) == "Ada"
    auth.tell("renamed", 1, "Ada King")
    await wait_until(lambda: connection.fetchval(names), lambda name: name == "Ada King")


async def test_what_a_deleted_user_wrote_goes(
    database: Database, housekeeping: Housekeeping, auth: FakeAuthService, connection: asyncpg.Connection
) -> None:
    """Everything of a deleted user is deleted by the service's own statement, in bites; nothing of others."""
    await write_notes(database, 1, "Ada", 2500)
    await write_notes(database, 2, "Grace", 3)
    auth.tell("deleted", 1)
    await wait_until(lambda: connection.fetchval("SELECT author_id FROM removals"), lambda found: found == 1)
    left = "SELECT count(*) FROM notes WHERE author_id = $1"
    assert await housekeeping.take_bites()
    assert await connection.fetchval(left, 1) == 1500
    await housekeeping.finish()
    assert (await connection.fetchval(left, 1), await connection.fetchval(left, 2)) == (0, 3)
    assert await connection.fetchval("SELECT count(*) FROM removals") == 0
    assert await connection.fetch("SELECT id, name FROM authors ORDER BY id") == [(1, None), (2, "Grace")]
