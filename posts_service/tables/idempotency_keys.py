"""The table ``idempotency_keys``: answers to be sent again to repeated requests. Each function is one SQL statement.

A key is written in the transaction that creates its post: both exist or neither. While that transaction runs it holds
an advisory lock on the key, which ends with the transaction, however that ends; so a crash leaves neither a half-made
post nor a key that is taken for ever.
"""

import datetime as dt
import json
from dataclasses import dataclass

from posts_service.web.answers import Answer
from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer to an earlier request, and that request's fingerprint."""

    fingerprint: bytes
    answer: Answer


async def lock_key(connection: Connection, author_id: int, key: str) -> bool:
    """Try to lock an author's key until the transaction ends; False while another request holds it."""
    locked: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($2, $1))", author_id, key
    )
    return locked


async def find_answer(connection: Connection, author_id: int, key: str, kept_for: dt.timedelta) -> StoredAnswer | None:
    """Return the answer to an author's request with that key, at most ``kept_for`` old, or None.

    None also when the author was deleted.
    """
    row = await connection.fetchrow(
        """
        SELECT fingerprint, status, headers, body FROM idempotency_keys
        WHERE author_id = $1 AND key = $2 AND created_at > now() - $3::interval
            AND $1 NOT IN (SELECT author_id FROM removals)
        """,
        author_id,
        key,
        kept_for,
    )
    if row is None:
        return None
    return StoredAnswer(row["fingerprint"], Answer(row["status"], json.loads(row["headers"]), row["body"]))


async def insert_answer(connection: Connection, author_id: int, key: str, stored: StoredAnswer) -> None:
    """Store the answer to an author's request with that key, replacing one that is too old to count."""
    await connection.execute(
        """
        INSERT INTO idempotency_keys (author_id, key, fingerprint, status, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (author_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
            headers = excluded.headers, body = excluded.body, created_at = excluded.created_at
        """,
        author_id,
        key,
        stored.fingerprint,
        stored.answer.status,
        json.dumps(stored.answer.headers),
        stored.answer.body,
    )


async def has_answers_of(connection: Connection, author_id: int) -> bool:
    """Tell whether any answer to an author is still stored."""
    found: str | None = await connection.fetchval(
        # BETWEEN: as in ``delete_posts_of``.
        "SELECT key FROM idempotency_keys WHERE author_id BETWEEN $1 AND $1 ORDER BY author_id LIMIT 1",
        author_id,
    )
    return found is not None


async def delete_answers_of(connection: Connection, author_id: int, limit: int) -> int:
    """Delete some answers to an author, and return how many; locked rows are skipped."""
    rows = await connection.fetch(
        # BETWEEN: as in ``delete_posts_of``.
        """
        DELETE FROM idempotency_keys WHERE author_id = $1 AND key = ANY(ARRAY(
            SELECT key FROM idempotency_keys WHERE author_id BETWEEN $1 AND $1
            ORDER BY author_id, key LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        author_id,
        limit,
    )
    return len(rows)


async def delete_expired_answers(connection: Connection, kept_for: dt.timedelta, limit: int) -> int:
    """Delete some answers older than ``kept_for``, and return how many; locked rows are skipped."""
    rows = await connection.fetch(
        # By their place in the table (ctid), so that the planner can only go there directly.
        """
        DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM idempotency_keys WHERE created_at <= now() - $1::interval
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        kept_for,
        limit,
    )
    return len(rows)
