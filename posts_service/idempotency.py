"""The table ``idempotency_keys``: the answers that repeated requests get again. Each function is one SQL statement.

A key is written in the transaction of the post that it made: both are there or neither. While that transaction runs
it holds a lock of the database on the key, which ends with the transaction, however that ends; so a crash leaves
neither a half-made post nor a key that is taken for ever.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from posts_service.answers import Answer
from shared.database import Connection

KEEP = "24 hours"
DELETE_AT_ONCE = 100  # rows, so that no request pays for a day of others


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered before, and the fingerprint of what was asked for."""

    fingerprint: bytes
    answer: Answer


async def lock_key(connection: Connection, author_id: int, key: str) -> bool:
    """Lock an author's key until the transaction ends; tell whether that worked: else another one is running."""
    locked: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($2, $1))", author_id, key
    )
    return locked


async def find_answer(connection: Connection, author_id: int, key: str) -> StoredAnswer | None:
    """Return what an author's request with that key was answered, or None."""
    row = await connection.fetchrow(
        """
        SELECT fingerprint, status, headers, body FROM idempotency_keys
        WHERE author_id = $1 AND key = $2 AND created_at > now() - $3::text::interval
        """,
        *(author_id, key, KEEP),
    )
    if row is None:
        return None
    return StoredAnswer(row["fingerprint"], Answer(row["status"], json.loads(row["headers"]), row["body"]))


async def insert_answer(connection: Connection, author_id: int, key: str, stored: StoredAnswer) -> None:
    """Store what is answered to an author's request with that key, in place of one that is too old to count."""
    await connection.execute(
        """
        INSERT INTO idempotency_keys (author_id, key, fingerprint, status, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (author_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
            headers = excluded.headers, body = excluded.body, created_at = excluded.created_at
        """,
        *(author_id, key, stored.fingerprint),
        *(stored.answer.status, json.dumps(stored.answer.headers), stored.answer.body),
    )


async def delete_answers_of(connection: Connection, author_ids: Sequence[int]) -> None:
    """Delete what authors were answered."""
    await connection.execute("DELETE FROM idempotency_keys WHERE author_id = ANY($1)", author_ids)


async def delete_expired_answers(connection: Connection) -> None:
    """Delete some of the answers that are too old to count, leaving alone what another is at work on."""
    await connection.execute(
        """
        DELETE FROM idempotency_keys WHERE (author_id, key) IN (
            SELECT author_id, key FROM idempotency_keys WHERE created_at <= now() - $1::text::interval
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        """,
        *(KEEP, DELETE_AT_ONCE),
    )
