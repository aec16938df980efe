"""The auth service's chores: delete what no longer matters, and mark the rows of sessions that are over.

No request does any of this: whatever piled up during a flood, or over a year, must not keep anybody from signing in.
Rows are locked in the order cutoffs, sessions, refresh tokens; requests never lock a cutoff.
"""

import datetime as dt
import functools
from collections.abc import Sequence

from auth_service.settings import AuthSettings
from auth_service.tables.attempts import delete_forgotten
from auth_service.tables.audit import delete_audit_lines, get_moment
from auth_service.tables.codes import delete_past_codes
from auth_service.tables.invitations import delete_past_invitations
from auth_service.tables.letters import delete_past_letters
from auth_service.tables.refresh_tokens import delete_refresh_tokens_of
from auth_service.tables.revocations import delete_past_revocations, insert_revocations
from auth_service.tables.session_cutoffs import delete_cutoff, find_cutoff
from auth_service.tables.sessions import (
    Ending,
    SessionId,
    delete_sessions,
    lock_past_sessions,
    lock_sessions_of,
    update_all_revoked,
)
from auth_service.tables.user_changes import delete_past_deletions
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.housekeeping import Bite, Chore, Housekeeping, until_few


def build_housekeeping(database: Database, settings: AuthSettings, metrics: Metrics) -> Housekeeping:
    """Return the auth service's housekeeping; not started yet."""
    return Housekeeping(database, build_chores(settings), metrics)


def build_chores(settings: AuthSettings) -> dict[str, Chore]:
    """Return the chores, by the table that each works on."""
    token_ttl = dt.timedelta(seconds=settings.access_token_ttl)
    sessions_kept_for = dt.timedelta(days=settings.session_retention_days)

    async def forget_audit(connection: Connection, limit: int) -> int:
        before = await get_moment(connection, dt.timedelta(days=settings.audit_retention_days))
        return await delete_audit_lines(connection, before, limit)

    async def forget_deletions(connection: Connection, limit: int) -> int:
        return await delete_past_deletions(connection, dt.timedelta(days=settings.deletion_retention_days), limit)

    chores: dict[str, Chore] = {
        "session_cutoffs": functools.partial(_finish_cutoff, token_ttl),
        "attempts": until_few(delete_forgotten),
        "revocations": until_few(delete_past_revocations),
        "sessions": functools.partial(_forget_past_sessions, sessions_kept_for),
        "codes": until_few(delete_past_codes),  # without mail too: there may have been some
        "letters": until_few(delete_past_letters),
        "user_changes": until_few(forget_deletions),
        "invitations": until_few(delete_past_invitations),  # in any mode, likewise
    }
    if settings.audit_retention_days:
        chores["audit"] = until_few(forget_audit)
    return chores


async def _finish_cutoff(token_ttl: dt.timedelta, connection: Connection, limit: int) -> Bite:
    """Revoke some sessions that a cutoff ended, and publish that; delete them, too, if their user was deleted."""
    cutoff = await find_cutoff(connection)
    if cutoff is None:
        return Bite(0, has_more=False)
    ended = await update_all_revoked(
        connection, cutoff.user_id, cutoff.spared, cutoff.because, limit, began_by=cutoff.began_by
    )
    if ended:
        await insert_revocations(connection, [session.id for session in ended], token_ttl)
        return Bite(len(ended), has_more=True)
    if cutoff.because is Ending.ACCOUNT_DELETED:
        left = await lock_sessions_of(connection, cutoff.user_id, limit)
        if left:
            return Bite(await _forget(connection, left, limit), has_more=True)
    await delete_cutoff(connection, cutoff.id)
    return Bite(0, has_more=True)  # perhaps another cutoff


async def _forget_past_sessions(kept_for: dt.timedelta, connection: Connection, limit: int) -> Bite:
    """Delete some sessions, with their refresh tokens, whose absolute end is ``kept_for`` in the past."""
    past = await lock_past_sessions(connection, kept_for, limit)
    rows = await _forget(connection, past, limit) if past else 0
    return Bite(rows, has_more=rows >= limit)


async def _forget(connection: Connection, sessions: Sequence[SessionId], limit: int) -> int:
    """Delete refresh tokens of sessions, then the sessions once none are left; return how many rows went."""
    tokens = await delete_refresh_tokens_of(connection, sessions, limit)
    if tokens >= limit:
        return tokens
    await delete_sessions(connection, sessions)
    return tokens + len(sessions)
