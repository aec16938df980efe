"""What a sign-in writes, in one SQL statement: session, refresh token, audit line, and the success of its try.

Only here does one statement write the tables of several modules. Separate ones would be a transaction of eight round
trips: besides the hash, those are what a sign-in costs (``docs/performance.md``).

1. Nothing is written unless the user may sign in, and has not changed the password since it was verified. ``lock_user``
   waits for this statement, so that ending all sessions of a user ends this one too.
2. Rows are locked in the usual order: the user's first, then counts in the order of their keys.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from auth_service.clients import Client
from auth_service.guessing.rules import KNOWN_FOR
from auth_service.tables.attempts import Attempt
from auth_service.tables.audit import Event
from auth_service.tables.refresh_tokens import hash_refresh_token
from auth_service.tables.sessions import Session, SessionId
from auth_service.tables.users import User, read_user
from shared.postgres.database import Connection

Ages: TypeAlias = tuple[dt.timedelta, dt.timedelta]
"""How long a session may last, at all and unused."""


@dataclass(frozen=True, slots=True)
class ProvenUser:
    """Who somebody proved to be: a user, by the password set at a given time and in this attempt; or one just stored.

    The attempt has succeeded, which ends the run of failures in each of its counts; other tries that are pending stay
    so. Its address is remembered as one from which the account was signed in to. ``authenticated_at`` is when another
    provider says that they proved it; None: just now. ``provider`` is that one, for the audit.
    """

    user_id: int
    password_set_at: dt.datetime | None = None
    attempt: Attempt | None = None
    authenticated_at: dt.datetime | None = None
    provider: str | None = None


async def insert_new_session(
    connection: Connection, proven: ProvenUser, client: Client, refresh_token: str, ages: Ages, most: int
) -> tuple[User, Session, bool] | None:
    """Store and return a new session with its user, and whether they had ``most``; None when they may not."""
    counted, known = (proven.attempt.counted, proven.attempt.known) if proven.attempt else ((), b"")
    account = (proven.user_id, proven.password_set_at, client.user_agent, client.address)
    session = (*ages, hash_refresh_token(refresh_token), Event.SIGNED_IN.value, client.request_id)
    counts = (list({*counted, known} - {b""}), known, KNOWN_FOR, list(counted), most)
    values = (*account, *session, *counts, proven.authenticated_at, proven.provider)
    row = await connection.fetchrow(
        """
        WITH account AS (
            SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at FROM users
            WHERE id = $1 AND password_set_at = coalesce($2, password_set_at) AND disabled_at IS NULL FOR KEY SHARE
        ), session AS (
            INSERT INTO sessions (user_id, user_agent, address, ends_at, idle_ends_at, authenticated_at)
            SELECT id, $3, $4::inet, now() + $5::interval, now() + $6::interval, $15::timestamptz FROM account
            RETURNING id, created_at, ends_at
        ), token AS (
            INSERT INTO refresh_tokens (token_hash, session_id) SELECT $7, id FROM session
        ), line AS (
            INSERT INTO audit (event, user_id, session_id, address, user_agent, request_id, provider)
            SELECT $8, account.id, session.id, $4::inet, $3, $9, $16 FROM account, session
        ), given_back AS (
            INSERT INTO attempts (key, is_known, forget_at)
            SELECT key, key = $11, now() + $12::interval FROM account, unnest((SELECT $10::bytea[])) AS key ORDER BY key
            ON CONFLICT (key) DO UPDATE SET
                is_known = attempts.is_known OR excluded.is_known,
                (pending, recent, in_a_row) = (
                    SELECT greatest(attempts.pending - is_counted, 0), attempts.recent * (1 - is_counted),
                        attempts.in_a_row * (1 - is_counted)
                    FROM (SELECT (attempts.key = ANY((SELECT $13::bytea[])::bytea[]))::int AS is_counted) AS counted
                ),
                forget_at = CASE WHEN excluded.is_known THEN excluded.forget_at ELSE attempts.forget_at END
        )
        SELECT account.id, name, email, account.created_at, updated_at, roles, disabled_at, email_verified_at,
            session.id AS session_id, session.created_at AS signed_in_at, ends_at,
            EXISTS (
                SELECT FROM sessions AS other WHERE user_id = $1 AND revoked_at IS NULL
                    AND now() < least(other.ends_at, other.idle_ends_at) + interval '1 day'
                ORDER BY other.created_at DESC, other.id DESC OFFSET $14 - 1 LIMIT 1
            ) AS is_surplus FROM account, session
        """,
        *values,
    )
    if row is None:
        return None
    session_id, times = SessionId(row["session_id"]), (row["signed_in_at"], row["ends_at"], proven.authenticated_at)
    return read_user(row), Session(session_id, row["id"], *times), row["is_surplus"]
