"""The rows that the benchmarks read: 1,000 users with 100 posts each, and one password for all of them.

Moments are whole milliseconds, which every language can print.
"""

from pathlib import Path

import argon2

from auth_service.passwords.hashing import LANES, MEMORY, PASSES
from shared.postgres.database import Database
from tests.benchmarks.processes import ROOT

USERS = 1_000
POSTS_OF_EACH = 100
PASSWORD = "correct horse battery"

_INSERT_USERS = """
    INSERT INTO users (name, email, email_key, password_hash)
    SELECT 'User ' || number, 'user' || number || '@example.com', 'user' || number || '@example.com', $2
    FROM generate_series(1, $1::int) AS number ORDER BY number
"""
_INSERT_AUTHORS = """
    INSERT INTO authors (id, name, email, as_of)
    SELECT number, 'User ' || number, 'user' || number || '@example.com', now()
    FROM generate_series(1, $1::int) AS number
"""
# One post of each author after another, as they come in a life: those of one author do not stand side by side.
_INSERT_POSTS = """
    INSERT INTO posts (author_id, title, content, published, created_at, updated_at)
    SELECT author, 'Post number ' || number, 'Written for the benchmark, about as long as a short post is.', true,
        moment, moment
    FROM generate_series(1, $2::int) AS number, generate_series(1, $1::int) AS author,
        date_trunc('milliseconds', now()) AS moment
    ORDER BY number, author
"""


async def fill_posts(url: str, tree: Path = ROOT) -> None:
    """Put authors and posts into the posts service's database, its schema (that of ``tree``) first."""
    database = Database(url, [tree / "posts_service" / "tables" / "migrations"], "benchmark")
    await database.start()
    try:
        await database.wait_until_ready()
        async with database.connection() as connection:
            await connection.execute(_INSERT_AUTHORS, USERS)
            await connection.execute(_INSERT_POSTS, USERS, POSTS_OF_EACH)
            await connection.execute("ANALYZE")
    finally:
        await database.stop()


async def fill_users(url: str, tree: Path = ROOT) -> None:
    """Put the same users into the auth service's database, its schema first."""
    hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID)
    database = Database(url, [tree / "auth_service" / "tables" / "migrations"], "benchmark")
    await database.start()
    try:
        await database.wait_until_ready()
        async with database.connection() as connection:
            await connection.execute(_INSERT_USERS, USERS, hasher.hash(PASSWORD))
            await connection.execute("ANALYZE")
    finally:
        await database.stop()
