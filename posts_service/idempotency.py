"""The table ``idempotency_keys``: the answers to writes that may be sent again. Each function is one SQL statement.

A client that got no answer sends its POST again under the same ``Idempotency-Key`` and gets the first answer. The key,
the fingerprint of its body and the answer are stored in the transaction that stores the post, so one can't be without
the other. While that transaction runs it holds a lock named after the key; another request finds it taken.
"""

import hashlib
from dataclasses import dataclass

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a write answered, and the fingerprint of the body that it was sent."""

    fingerprint: bytes
    post_id: int
    etag: str
    body: bytes


def fingerprint_of(body: bytes) -> bytes:
    """Return what tells one request body from another."""
    return hashlib.sha256(body).digest()


async def lock_key(connection: Connection, author_id: int, key: str) -> bool:
    """Take the key until the transaction ends; False when another transaction has it."""
    taken = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($2, $1))",
        *(author_id, key),
    )
    return bool(taken)


async def find_answer(connection: Connection, author_id: int, key: str) -> StoredAnswer | None:
    """Return the answer stored under the key in the last 24 hours, or None."""
    row = await connection.fetchrow(
        """
        SELECT fingerprint, post_id, etag, body FROM idempotency_keys
        WHERE author_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'
        """,
        *(author_id, key),
    )
    return StoredAnswer(*row) if row else None


async def upsert_answer(connection: Connection, author_id: int, key: str, answer: StoredAnswer) -> None:
    """Store the answer under the key, in place of one that is too old to count."""
    await connection.execute(
        """
        INSERT INTO idempotency_keys (author_id, key, fingerprint, post_id, etag, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (author_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, post_id = excluded.post_id,
            etag = excluded.etag, body = excluded.body, created_at = now()
        """,
        *(author_id, key, answer.fingerprint, answer.post_id, answer.etag, answer.body),
    )


async def delete_old_answers(connection: Connection) -> None:
    """Delete some of the answers that are too old to count; called with every write, it keeps up."""
    await connection.execute(
        """
        DELETE FROM idempotency_keys WHERE (author_id, key) IN (
            SELECT author_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
            LIMIT 10 FOR UPDATE SKIP LOCKED
        )
        """
    )
