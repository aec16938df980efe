"""Whether any password is hashed otherwise than today: asked with each refusal, so it must cost next to nothing."""

import asyncpg
import pytest

from auth_service.tables.users import has_other_hashes
from tests.support.rows_read import watch_readings

OURS, OTHER = "$argon2id$v=19$m=19456,t=2,p=1$salt$hash", "$2b$10$hash"
USERS = 5000
FILL = (
    "INSERT INTO users (name, email, email_key, password_hash) "
    "SELECT 'Ada', i, i, $2 FROM generate_series(1, $1::int) AS i"
)


@pytest.mark.parametrize("stored", [OURS, OTHER])
@pytest.mark.parametrize("is_analyzed", [True, False])
async def test_an_index_answers(database: asyncpg.Connection, stored: str, *, is_analyzed: bool) -> None:
    """With many users the table is never read from end to end: not when all hashes are ours since the statistics."""
    await database.execute(FILL, USERS, stored)
    if is_analyzed:
        await database.execute("ANALYZE users")
    found, (reading,) = await watch_readings(database, lambda: has_other_hashes(database), "users")
    assert (found, reading.scans) == (stored == OTHER, 0)
    await database.execute("UPDATE users SET password_hash = $1", OURS)
    found, (reading,) = await watch_readings(database, lambda: has_other_hashes(database), "users")
    assert (found, reading.scans) == (False, 0)


async def test_nobody_without_a_password_counts(database: asyncpg.Connection) -> None:
    """A user without a password is refused as slowly as an address without a user."""
    await database.execute(FILL, 1, None)
    assert not await has_other_hashes(database)
