"""The table ``audit``: a record of what happened to whom. Each function is one SQL statement.

A line never holds a secret, an attempted password or an e-mail address that somebody typed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auth_service.clients import Client
from auth_service.tables.sessions import SessionId
from shared.postgres.database import Connection


class Event(StrEnum):
    """What can happen."""

    SIGNED_UP = "signed_up"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SIGN_UP_REFUSED = "sign_up_refused"
    SIGN_UP_THROTTLED = "sign_up_throttled"
    SIGNED_OUT = "signed_out"
    SESSION_REVOKED = "session_revoked"
    ALL_SESSIONS_REVOKED = "all_sessions_revoked"
    REFRESH_REUSED = "refresh_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened, not a password
    PASSWORD_REFUSED = "password_refused"  # noqa: S105 - the same
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_TAKEN_OVER = "account_taken_over"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    ROLES_CHANGED = "roles_changed"
    DATABASE_PUT_BACK = "database_put_back"
    AUDIT_PRUNED = "audit_pruned"
    CODE_REFUSED = "code_refused"
    CODE_THROTTLED = "code_throttled"
    LETTER_REFUSED = "letter_refused"
    LETTER_THROTTLED = "letter_throttled"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the same
    PASSWORD_RESET_STARTED = "password_reset_started"  # noqa: S105 - the same
    EMAIL_PROVEN = "email_proven"
    EMAIL_CHANGED = "email_changed"
    USER_IMPORTED = "user_imported"
    SERVICE_CREATED = "service_created"
    SERVICE_REVOKED = "service_revoked"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_REFUSED = "identity_refused"
    IDENTITY_REMOVED = "identity_removed"
    INVITATION_MADE = "invitation_made"
    INVITATION_REVOKED = "invitation_revoked"
    USER_UNLOCKED = "user_unlocked"
    USER_EXPORTED = "user_exported"
    PASSWORD_LINK_MADE = "password_link_made"  # noqa: S105 - the same


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event."""

    happened_at: dt.datetime
    event: str
    user_id: int | None
    session_id: SessionId | None
    address: str | None
    user_agent: str
    request_id: str
    provider: str | None
    operator: str | None
    about: str | None
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are asked for: those with all of what is not None. ``address`` may be a network."""

    user_id: int | None = None
    event: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    address: str | None = None


async def insert_audit_line(
    connection: Connection,
    event: Event,
    client: Client,
    user_id: int | None,
    session_id: SessionId | None = None,
    provider: str | None = None,
    about: str | None = None,
) -> None:
    """Record an event, and the other provider that it happened by; a sign-in may name no known user: None.

    ``about`` says what the event does not: which role, which service. It never holds anybody's name or address.
    """
    await connection.execute(
        """
        INSERT INTO audit (event, user_id, session_id, address, user_agent, request_id, provider, operator, about)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        event.value,
        user_id,
        session_id,
        client.address,
        client.user_agent,
        client.request_id,
        provider,
        client.operator,
        about,
    )


async def insert_session_lines(
    connection: Connection, event: Event, client: Client, user_id: int, session_ids: Sequence[SessionId]
) -> None:
    """Record an event for each of some sessions of a user."""
    await connection.execute(
        """
        INSERT INTO audit (event, user_id, session_id, address, user_agent, request_id, operator)
        SELECT $1, $2, ended.id, $3, $4, $5, $7 FROM unnest($6::uuid[]) AS ended (id)
        """,
        event.value,
        user_id,
        client.address,
        client.user_agent,
        client.request_id,
        list(session_ids),
        client.operator,
    )


async def list_audit_lines(connection: Connection, wanted: Wanted, limit: int) -> list[AuditLine]:
    """Return the latest lines of those that are wanted, newest first."""
    rows = await connection.fetch(
        """
        SELECT id, happened_at, event, user_id, session_id, host(address) AS address, user_agent, request_id, provider,
            operator, about
        FROM audit
        WHERE ($1::bigint IS NULL OR user_id = $1) AND ($2::text IS NULL OR event = $2)
            AND ($3::timestamptz IS NULL OR happened_at >= $3) AND ($4::timestamptz IS NULL OR happened_at < $4)
            AND ($5::inet IS NULL OR address <<= $5)
        ORDER BY happened_at DESC, id DESC LIMIT $6
        """,
        wanted.user_id,
        wanted.event,
        wanted.since,
        wanted.until,
        wanted.address,
        limit,
    )
    return [AuditLine(**row) for row in rows]


async def list_next_audit_lines(
    connection: Connection, wanted: Wanted, given: Sequence[int], limit: int
) -> list[AuditLine]:
    """Return lines of those that are wanted, oldest first, without those whose ids are ``given``."""
    rows = await connection.fetch(
        """
        SELECT id, happened_at, event, user_id, session_id, host(address) AS address, user_agent, request_id, provider,
            operator, about
        FROM audit
        WHERE ($1::bigint IS NULL OR user_id = $1) AND ($2::text IS NULL OR event = $2)
            AND happened_at >= $3 AND ($4::inet IS NULL OR address <<= $4) AND id <> ALL($5::bigint[])
        ORDER BY happened_at, id LIMIT $6
        """,
        wanted.user_id,
        wanted.event,
        wanted.since,
        wanted.address,
        given,
        limit,
    )
    return [AuditLine(**row) for row in rows]


async def get_moment(connection: Connection, ago: dt.timedelta) -> dt.datetime:
    """Return the moment so long ago by the clock that dates the lines."""
    moment: dt.datetime = await connection.fetchval("SELECT now() - $1::interval", ago)
    return moment


async def count_audit_lines(connection: Connection, before: dt.datetime, most: int) -> int:
    """Return how many lines are from before a moment, counting no more than ``most``."""
    lines: int = await connection.fetchval(
        "SELECT count(*) FROM (SELECT FROM audit WHERE happened_at < $1 LIMIT $2) AS past", before, most
    )
    return lines


async def delete_audit_lines(connection: Connection, before: dt.datetime, limit: int) -> int:
    """Delete some lines from before a moment, oldest first, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM audit WHERE id = ANY(ARRAY(
            SELECT id FROM audit WHERE happened_at < $1
            ORDER BY happened_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)
