"""The table ``attempts``: how often each caller and account was tried. Each function is one SQL statement.

A key is a keyed hash of what is counted. The database's clock decides, so that all replicas agree.
"""

import datetime as dt
from collections.abc import Sequence

from auth_service.throttle import Count
from shared.database import Connection, Row


async def is_known(connection: Connection, key: bytes) -> bool:
    """Tell whether the account was signed in to from this address before."""
    return bool(await connection.fetchval("SELECT is_known FROM attempts WHERE key = $1", key))


async def list_counts(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Count]:
    """Return those of the counts that exist, as they are just now: somebody may be changing them."""
    rows = await connection.fetch(
        """
        SELECT key, recent, in_a_row, last_at, since, is_refusal_noted, clock_timestamp() AS now
        FROM attempts WHERE key = ANY($1)
        """,
        keys,
    )
    return {row["key"]: _read_count(row) for row in rows}


async def insert_and_lock_count(connection: Connection, key: bytes) -> Count:
    """Return the count, made if there was none, which nobody else can change before the transaction ends."""
    row = await connection.fetchrow(
        """
        INSERT INTO attempts (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET key = excluded.key
        RETURNING recent, in_a_row, last_at, since, is_refusal_noted, clock_timestamp() AS now
        """,
        key,
    )
    return _read_count(row)


async def update_count(connection: Connection, key: bytes, count: Count, kept_for: dt.timedelta) -> None:
    """Store a count; it is forgotten when it was not changed for ``kept_for``, a known address later."""
    await connection.execute(
        """
        UPDATE attempts SET recent = $2, in_a_row = $3, last_at = $4, since = $5, is_refusal_noted = $6,
            forget_at = greatest(now() + $7, CASE WHEN is_known THEN forget_at END)
        WHERE key = $1
        """,
        *(key, count.recent, count.in_a_row, count.last_at, count.since, count.is_refusal_noted, kept_for),
    )


async def update_given_back(connection: Connection, keys: Sequence[bytes]) -> None:
    """Take back one try of each count: it did not fail."""
    await connection.execute(
        """
        UPDATE attempts SET recent = greatest(recent - 1, 0), in_a_row = greatest(in_a_row - 1, 0)
        WHERE key IN (SELECT key FROM attempts WHERE key = ANY($1) ORDER BY key FOR UPDATE)
        """,
        keys,
    )


async def insert_known(connection: Connection, key: bytes, kept_for: dt.timedelta) -> None:
    """Note that an account was signed in to from an address: from now on it has a count of its own, at zero."""
    await connection.execute(
        """
        INSERT INTO attempts (key, is_known, forget_at) VALUES ($1, true, now() + $2)
        ON CONFLICT (key) DO UPDATE SET is_known = true, recent = 0, in_a_row = 0, forget_at = excluded.forget_at
        """,
        *(key, kept_for),
    )


async def update_refusal_noted(connection: Connection, key: bytes) -> bool:
    """Note a refusal; False when one was noted since the last counted try."""
    noted = await connection.fetchval(
        "UPDATE attempts SET is_refusal_noted = true WHERE key = $1 AND NOT is_refusal_noted RETURNING true", key
    )
    return bool(noted)


async def delete_forgotten(connection: Connection) -> None:
    """Delete what no longer matters."""
    await connection.execute("DELETE FROM attempts WHERE forget_at < now()")


def _read_count(row: Row) -> Count:
    return Count(row["now"], row["last_at"], row["since"], row["recent"], row["in_a_row"], row["is_refusal_noted"])
