"""A PostgreSQL for the database tests alone: they empty it, block it and stop it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from shared.postgres.database import Database
from shared.postgres.pool_settings import POOL_SIZE
from tests.support.own_postgres import own_postgres

MIGRATION = """-- {name}
-- depends: {depends}

-- migrate: apply
{apply}

-- migrate: rollback
DROP TABLE notes;
"""

Build = Callable[..., Database]
WriteMigration = Callable[..., None]


@pytest.fixture
def data() -> Iterator[Path]:
    """Give a folder for a server's data. Not one of pytest's: at each start it closes those to other users."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def shared_database_url() -> Iterator[str]:
    """Give the URL of a database that no other test uses."""
    with own_postgres() as urls:
        yield urls.posts


@pytest.fixture
async def url(shared_database_url: str) -> str:
    """Give the URL of that database, emptied."""
    connection = await asyncpg.connect(shared_database_url)
    await connection.execute("DROP SCHEMA public CASCADE")
    await connection.execute("CREATE SCHEMA public")
    await connection.close()
    return shared_database_url


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """Give a folder with one migration, which creates a table."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


@pytest.fixture
def write_migration(migrations: Path) -> WriteMigration:
    """Give the function that writes a migration."""

    def write(name: str, apply: str, depends: str = "") -> None:
        (migrations / f"{name}.sql").write_text(MIGRATION.format(name=name, depends=depends, apply=apply))

    write("0001-notes", "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL);")
    return write


@pytest.fixture
async def build(migrations: Path, write_migration: WriteMigration, url: str) -> AsyncIterator[Build]:
    """Give the function that builds a database, not yet started; all are stopped at the end."""
    del write_migration
    built: list[Database] = []

    def build_one(at: str = url, pool_size: int = POOL_SIZE) -> Database:
        built.append(Database(at, [migrations], "some_service", pool_size=pool_size))
        return built[-1]

    yield build_one
    await asyncio.gather(*(one.stop() for one in built))


@pytest.fixture
async def db(build: Build) -> Database:
    """Give a database that is ready."""
    database = build()
    await database.start()
    await database.wait_until_ready()
    return database
