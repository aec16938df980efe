"""The table ``sessions``: one row for each sign-in on one device. Each function is one SQL statement.

A session is inserted by ``new_sessions``. It is live until one of these happens: it is revoked, reaches its absolute
end or goes unused for too long; all sessions of its user that began by a moment are ended (``session_cutoffs``); the
database is restored to an earlier state (``shared/postgres/epochs.py``), for its end may be part of what was lost. The
view ``live_sessions`` implements all this. The database's clock decides, so that all replicas agree.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from auth_service.tables.users import User, read_user
from shared.postgres.database import Connection

SessionId = NewType("SessionId", uuid.UUID)
LATEST = 100  # sessions of a user that tell where they usually are


class Ending(StrEnum):
    """Why a session was revoked, which ends it before its time."""

    SIGNED_OUT = "signed_out"
    REPLACED = "replaced"
    ENDED_BY_USER = "ended_by_user"
    ENDED_BY_OPERATOR = "ended_by_operator"
    ROLE_TAKEN = "role_taken"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    REFRESH_REUSED = "refresh_reused"
    USER_DISABLED = "user_disabled"
    ACCOUNT_DELETED = "account_deleted"
    TOO_MANY = "too_many"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a reason too
    EMAIL_CHANGED = "email_changed"
    TAKEN_OVER = "taken_over"
    IDENTITY_REMOVED = "identity_removed"


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in; ``ends_at`` is its absolute end.

    ``authenticated_at`` is when another provider says that the user proved who they are; None: here, when it began.
    """

    id: SessionId
    user_id: int
    created_at: dt.datetime
    ends_at: dt.datetime
    authenticated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A live session as its user sees it; ``ends_at`` is the absolute or the idle end, whichever comes first."""

    session_id: SessionId
    created_at: dt.datetime
    last_used_at: dt.datetime
    ends_at: dt.datetime
    address: str | None
    user_agent: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as an operator sees it; ``state`` is ``live``, ``expired``, or why it was ended early."""

    id: SessionId
    user_id: int
    created_at: dt.datetime
    last_used_at: dt.datetime
    address: str | None
    user_agent: str
    state: str


async def find_live_session(connection: Connection, session_id: SessionId) -> Session | None:
    """Return the session while it is live, or None."""
    row = await connection.fetchrow(
        "SELECT id, user_id, created_at, ends_at FROM live_sessions WHERE id = $1", session_id
    )
    return Session(**row) if row else None


async def list_live_sessions(
    connection: Connection, session_ids: Sequence[SessionId]
) -> list[tuple[User, Session] | None]:
    """Return each session's user and the session, in the order given; None for one that is not live.

    Behind a subquery the planner can't count the ids: one plan, made once, does for any number of them. ``OFFSET 0``
    makes it look them up one by one; otherwise it may scan all sessions that are not revoked.
    """
    rows = await connection.fetch(
        """
        SELECT users.id, name, email, users.created_at, updated_at, roles, disabled_at,
            email_verified_at, session.id AS session_id, session.created_at AS began_at, session.ends_at,
            session.authenticated_at
        FROM unnest((SELECT $1::uuid[])) AS asked (id)
        CROSS JOIN LATERAL (
            SELECT id, user_id, created_at, ends_at, authenticated_at FROM live_sessions WHERE id = asked.id OFFSET 0
        ) AS session
        JOIN users ON users.id = session.user_id
        """,
        session_ids,
    )
    live = {
        row["session_id"]: (
            read_user(row),
            Session(SessionId(row["session_id"]), row["id"], row["began_at"], row["ends_at"], row["authenticated_at"]),
        )
        for row in rows
    }
    return [live.get(session_id) for session_id in session_ids]


async def is_from_elsewhere(
    connection: Connection, session: Session, address: str | None, since: dt.datetime | None
) -> bool:
    """Tell whether the user of a session had others, none of the latest of which was from this address, ``since``."""
    found = await connection.fetchval(
        """
        SELECT count(*) > 0 AND NOT coalesce(bool_or(
            address = $3::inet AND created_at >= coalesce($5::timestamptz, '-infinity')
        ), false) FROM (
            SELECT address, created_at FROM sessions WHERE user_id = $1 AND id <> $2 ORDER BY created_at DESC LIMIT $4
        ) AS latest
        """,
        session.user_id,
        session.id,
        address,
        LATEST,
        since,
    )
    return bool(found)


async def find_ending(connection: Connection, session_id: SessionId) -> str | None:
    """Return why a session was revoked (a value of ``Ending``); None when it was not, or does not exist."""
    because: str | None = await connection.fetchval("SELECT revoked_because FROM sessions WHERE id = $1", session_id)
    return because


async def update_last_used(connection: Connection, session_id: SessionId, idle_age: dt.timedelta) -> Session | None:
    """Note the use of a live session, which postpones its idle end, and return it; None when it is not live."""
    row = await connection.fetchrow(
        """
        UPDATE live_sessions SET last_used_at = now(), idle_ends_at = now() + $2 WHERE id = $1
        RETURNING id, user_id, created_at, ends_at, authenticated_at
        """,
        session_id,
        idle_age,
    )
    return Session(**row) if row else None


async def update_uses(
    connection: Connection,
    session_ids: Sequence[SessionId],
    ages: Sequence[float],
    idle_age: dt.timedelta,
    lag: dt.timedelta,
) -> None:
    """Note when sessions were used, some seconds ago, if they are live and the row lags behind by ``lag``.

    Locked rows are skipped: whoever holds them is using or ending them.
    """
    await connection.execute(
        """
        UPDATE sessions SET last_used_at = used.at, idle_ends_at = used.at + $3::interval
        FROM (
            SELECT id, now() - make_interval(secs => noted.age) AS at
            FROM unnest($1::uuid[], $2::float8[]) AS noted (id, age) JOIN live_sessions USING (id)
            WHERE last_used_at < now() - make_interval(secs => noted.age) - $4::interval
            ORDER BY id FOR NO KEY UPDATE OF live_sessions SKIP LOCKED
        ) AS used
        WHERE sessions.id = used.id
        """,
        session_ids,
        ages,
        idle_age,
        lag,
    )


async def update_revoked(
    connection: Connection, session_id: SessionId, user_id: int | None, because: Ending
) -> Session | None:
    """Revoke a session and return it; None when it was revoked already, does not exist, or is not that user's.

    An expired one too: it may have ended just now, and its last access token lives on for a while.
    """
    row = await connection.fetchrow(
        """
        UPDATE sessions SET revoked_at = now(), revoked_because = $3
        WHERE id = $1 AND ($2::bigint IS NULL OR user_id = $2) AND revoked_at IS NULL
            AND NOT EXISTS (
                SELECT FROM session_cutoffs AS cutoff WHERE cutoff.user_id = sessions.user_id
                AND sessions.created_at <= cutoff.began_by AND sessions.id IS DISTINCT FROM cutoff.spared
            )
        RETURNING id, user_id, created_at, ends_at
        """,
        session_id,
        user_id,
        because.value,
    )
    return Session(**row) if row else None


async def update_all_revoked(
    connection: Connection,
    user_id: int,
    spared: SessionId | None,
    because: Ending,
    limit: int,
    *,
    began_by: dt.datetime | None = None,
) -> list[Session]:
    """Revoke a user's sessions, newest first, at most ``limit``, except the one that is spared, and return them.

    This includes those that expired within a day, the longest life of an access token: their last one may live on. None
    that began later than ``began_by``, if given.
    """
    rows = await connection.fetch(
        """
        UPDATE sessions SET revoked_at = now(), revoked_because = $3
        WHERE id = ANY(ARRAY(
            SELECT id FROM sessions
            WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND revoked_at IS NULL
                AND now() < least(ends_at, idle_ends_at) + interval '1 day'
                AND created_at <= coalesce($5::timestamptz, 'infinity')
            ORDER BY created_at DESC, id DESC LIMIT $4 FOR UPDATE
        ))
        RETURNING id, user_id, created_at, ends_at
        """,
        user_id,
        spared,
        because.value,
        limit,
        began_by,
    )
    return [Session(**row) for row in rows]


async def update_surplus_revoked(
    connection: Connection, user_id: int, most: int, because: Ending, limit: int
) -> list[Session]:
    """Revoke the sessions, at most ``limit``, that a user has beyond ``most``, least recently used first; return them.

    A locked one is in use, and left alone.
    """
    rows = await connection.fetch(
        """
        UPDATE sessions SET revoked_at = now(), revoked_because = $3
        WHERE id = ANY(ARRAY(
            SELECT id FROM sessions WHERE id = ANY(ARRAY(
                SELECT id FROM sessions
                WHERE user_id = $1 AND revoked_at IS NULL AND now() < least(ends_at, idle_ends_at) + interval '1 day'
                    AND NOT EXISTS (
                        SELECT FROM session_cutoffs AS cutoff WHERE cutoff.user_id = sessions.user_id
                        AND sessions.created_at <= cutoff.began_by AND sessions.id IS DISTINCT FROM cutoff.spared
                    )
                ORDER BY last_used_at DESC, id DESC OFFSET $2 LIMIT $4
            )) AND revoked_at IS NULL FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, user_id, created_at, ends_at
        """,
        user_id,
        most,
        because.value,
        limit,
    )
    return [Session(**row) for row in rows]


async def list_devices(connection: Connection, user_id: int, after: SessionId | None, limit: int) -> list[Device]:
    """Return a user's live sessions, newest first; only those that follow ``after``, if given."""
    rows = await connection.fetch(
        """
        SELECT id AS session_id, created_at, last_used_at, least(ends_at, idle_ends_at) AS ends_at,
            host(address) AS address, user_agent
        FROM live_sessions
        WHERE user_id = $1
            AND ($2::uuid IS NULL OR (created_at, id) < (
                SELECT created_at, id FROM sessions WHERE id = $2 AND user_id = $1
            ))
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        user_id,
        after,
        limit,
    )
    return [Device(**row) for row in rows]


async def list_latest_sessions(connection: Connection, user_id: int | None, limit: int) -> list[SessionLine]:
    """Return the latest sessions, newest first: of one user, or of all when ``user_id`` is None."""
    rows = await connection.fetch(
        """
        SELECT id, user_id, created_at, last_used_at, host(address) AS address, user_agent,
            coalesce(
                revoked_because,
                (SELECT because FROM session_cutoffs AS cutoff WHERE cutoff.user_id = sessions.user_id
                AND sessions.created_at <= cutoff.began_by AND sessions.id IS DISTINCT FROM cutoff.spared LIMIT 1),
                CASE
                    WHEN created_at < (SELECT max(began_at) FROM epochs WHERE is_loss) THEN 'database_put_back'
                    WHEN now() < least(ends_at, idle_ends_at) THEN 'live'
                    ELSE 'expired'
                END
            ) AS state
        FROM sessions WHERE $1::bigint IS NULL OR user_id = $1
        ORDER BY created_at DESC, id LIMIT $2
        """,
        user_id,
        limit,
    )
    return [SessionLine(**row) for row in rows]


async def lock_past_sessions(connection: Connection, kept_for: dt.timedelta, limit: int) -> list[SessionId]:
    """Lock and return some sessions whose absolute end is ``kept_for`` in the past, skipping those that are locked."""
    rows = await connection.fetch(
        """
        SELECT id FROM sessions WHERE ends_at < now() - $1::interval
        ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        kept_for,
        limit,
    )
    return [SessionId(row["id"]) for row in rows]


async def lock_sessions_of(connection: Connection, user_id: int, limit: int) -> list[SessionId]:
    """Lock and return some sessions of a user, live or not. BETWEEN: by the user's index, however many are theirs."""
    rows = await connection.fetch(
        "SELECT id FROM sessions WHERE user_id BETWEEN $1 AND $1 ORDER BY user_id, created_at DESC LIMIT $2 FOR UPDATE",
        user_id,
        limit,
    )
    return [SessionId(row["id"]) for row in rows]


async def delete_sessions(connection: Connection, session_ids: Sequence[SessionId]) -> None:
    """Delete sessions; delete their refresh tokens first, which would otherwise go with them, however many."""
    await connection.execute("DELETE FROM sessions WHERE id = ANY($1::uuid[])", list(session_ids))
