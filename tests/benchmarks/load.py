"""``python -m tests.benchmarks.load``: users and posts by the million, into an embedded PostgreSQL of their own.

    python -m tests.benchmarks.load --users 1000000 --posts 10000000 --data DIRECTORY

The tables are those that the services' migrations make, and must be empty. Their plain indexes are built after the
rows, from the definitions that the migrations gave them. The server does not wait for the disk meanwhile, and all of
it runs at low priority. ``make run`` can serve the directory afterwards (``python -m stack --data DIRECTORY``).
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import argon2
import asyncpg

from auth_service.passwords.hashing import LANES, MEMORY, PASSES
from shared.postgres.database import Database
from shared.postgres.obstacles import DatabaseUnreachable
from shared.postgres.schema import MigrationFailed
from stack.postgres import DatabaseUrls, PostgresFailed, running_postgres
from tests.benchmarks.many_rows import (
    INSERT_AUTHORS,
    INSERT_POSTS,
    INSERT_REFRESH_TOKENS,
    INSERT_SESSIONS,
    INSERT_USERS,
    Amount,
    list_batches,
    make_text,
)
from tests.benchmarks.processes import ROOT
from tests.benchmarks.progress import Progress
from tests.benchmarks.rows import PASSWORD

NICENESS = 10
BATCH = 20_000


class NotEmpty(Exception):
    """A database that has rows already, which stay as they are."""


def main() -> None:
    """Load what the command line asks for."""
    arguments = _parse_arguments()
    os.nice(NICENESS)
    arguments.data.mkdir(parents=True, exist_ok=True)
    try:
        with running_postgres(arguments.data, durable=False) as postgres:
            asyncio.run(load(postgres.urls, Amount(arguments.users, arguments.posts)))
    except (PostgresFailed, DatabaseUnreachable, MigrationFailed, NotEmpty) as error:
        sys.exit(str(error))


async def load(urls: DatabaseUrls, amount: Amount) -> None:
    """Fill both databases, with statistics as autovacuum would have them; NotEmpty if there are rows already."""
    await _load_users(urls.auth, amount)
    await _load_posts(urls.posts, amount)


async def _load_users(url: str, amount: Amount) -> None:
    hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID)
    connection = await _open(url, "auth_service", "users")
    try:
        await _insert(connection, "users", INSERT_USERS, amount.users, hasher.hash(PASSWORD))
        await _insert(connection, "sessions", INSERT_SESSIONS, amount.users)
        await _insert(connection, "tokens", INSERT_REFRESH_TOKENS, amount.users)
        await _clean(connection, ("users", "sessions", "refresh_tokens"))
    finally:
        await connection.close()


async def _load_posts(url: str, amount: Amount) -> None:
    connection = await _open(url, "posts_service", "posts")
    try:
        await _insert(connection, "authors", INSERT_AUTHORS, amount.users)
        indexes = await _drop_indexes(connection)
        about = (amount.posts, amount.users, amount.busy_users, make_text())
        await _insert(connection, "posts", INSERT_POSTS, amount.posts, *about)
        await connection.execute("SET maintenance_work_mem TO '512MB'")
        progress = Progress("indexes", len(indexes))
        for done, index in enumerate(indexes, 1):
            await connection.execute(index)
            progress.show(done)
        await _clean(connection, ("authors", "posts"))
    finally:
        await connection.close()


async def _open(url: str, service: str, table: str) -> asyncpg.Connection:
    """Return a connection to a service's database, whose tables are in place and of which this one is empty."""
    await Database(url, [ROOT / service / "tables" / "migrations"], "benchmark").migrate()
    connection = await asyncpg.connect(url)
    if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608 - one of two names above
        await connection.close()
        raise NotEmpty(f"there are {table} already: load into an empty database")
    return connection


async def _insert(connection: asyncpg.Connection, name: str, statement: str, total: int, *arguments: object) -> None:
    """Insert what belongs to the numbers from 1 to ``total``: a row for each, or for some."""
    progress = Progress(name, total)
    for first, last in list_batches(total, BATCH):
        await connection.execute(statement, first, last, *arguments)
        progress.show(last)


async def _drop_indexes(connection: asyncpg.Connection) -> list[str]:
    """Drop the indexes of posts that no constraint needs, and return the statements that build them again."""
    rows = await connection.fetch(
        """
        SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
        WHERE indrelid = 'posts'::regclass AND NOT indisunique ORDER BY 1
        """
    )
    for row in rows:
        await connection.execute(f"DROP INDEX {row['name']}")
    return [row["definition"] for row in rows]


async def _clean(connection: asyncpg.Connection, tables: Sequence[str]) -> None:
    """Do now what autovacuum would begin in a minute, in the middle of what is measured."""
    progress = Progress("vacuum", len(tables))
    for done, table in enumerate(tables, 1):
        await connection.execute(f"VACUUM (ANALYZE) {table}")
        progress.show(done)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.load", description="Load users and posts in bulk."
    )
    parser.add_argument("--users", type=int, default=1_000_000, help="a multiple of 100 (1000000)")
    parser.add_argument("--posts", type=int, default=10_000_000, help="(10000000: 7 GB)")
    parser.add_argument("--data", type=Path, required=True, help="the directory for PostgreSQL's data")
    arguments = parser.parse_args()
    if arguments.users < 100 or arguments.users % 100 or arguments.posts < 1:
        parser.error("users come in hundreds, and there is a post at least")
    return arguments


if __name__ == "__main__":
    main()
