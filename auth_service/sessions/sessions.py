"""What happens to sessions: begun, used, refreshed, listed and ended. Why they may begin is decided in ``signing_in``.

1. What belongs together is one transaction: a session, its refresh token, its audit line, and the end of the sessions
   that it replaces in a browser.
2. Ending a session before its time is published in the same transaction: see ``revocations``.
3. A refresh token is used once. Reused within the grace period, by a parallel tab or a client that lost the answer, it
   yields the same successor, and later too while that is unused: a phone that lost the answer may sleep for hours.
   Reused after its successor was used, it was stolen, by this caller or the other: the session is ended (RFC 9700,
   section 4.14.2). It is ended, too, when a token that was itself handed out again so late is reused late: a thief and
   an owner who take turns, each with the other's last token, would otherwise never be found out. A refresh locks the
   session's row, so parallel calls are serialised.
4. Rows are locked in the order users, codes, sessions, refresh tokens, attempts, so there are no deadlocks. (A sign-in
   ends the browser's other session last: no transaction that holds a session's row waits for the counts of a sign-in.)
   Turns at the feeds are taken when all rows of sessions are locked, that of ``revocations`` before that of
   ``user_changes``.
5. Looking up a session writes nothing; ``uses`` notes its use.
6. Simultaneous look-ups share queries (``coalesced_reads``). None returns what was true only before it was made.
7. No token outlives its session: it expires with the session's absolute end, and after half of the idle age, so that an
   active client has to renew it, which counts as a use.
"""

import contextlib
import datetime as dt
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from auth_service.clients import Client
from auth_service.errors import RefreshRefused
from auth_service.guessing.admission import Admission
from auth_service.guessing.rules import LimitName
from auth_service.mail.letters import LetterKind
from auth_service.mail.notices import Notices
from auth_service.sessions.uses import SessionUses
from auth_service.tables import refresh_tokens
from auth_service.tables.audit import Event, insert_audit_line, insert_session_lines
from auth_service.tables.codes import end_codes_of
from auth_service.tables.new_sessions import ProvenUser, insert_new_session
from auth_service.tables.revocations import insert_revocations
from auth_service.tables.session_cutoffs import insert_cutoff
from auth_service.tables.sessions import (
    Device,
    Ending,
    Session,
    SessionId,
    find_ending,
    list_devices,
    update_all_revoked,
    update_last_used,
    update_revoked,
    update_surplus_revoked,
)
from auth_service.tables.users import User, find_user, lock_user
from shared.errors import Unavailable
from shared.fast.coalesced_reads import Reads
from shared.postgres.database import Connection, Database
from shared.tokens.claims import SESSION_ID_PATTERN
from shared.tokens.signed import AccessTokens

GRACE = 10.0  # seconds in which a refresh token yields its successor again
MOST = 100  # sessions of one user; each sign-in beyond ends the least recently used one
ENDED_AT_ONCE = 1000  # sessions that a request ends one by one; a cutoff ends any beyond


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a session and the tokens that prove it; ``expires_in`` is the access token's life in seconds."""

    user: User
    session: Session
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)


Lookups: TypeAlias = Reads[SessionId, tuple[User, Session] | None]
"""Looks up which session is live, and whose it is."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The use cases; sessions end ``max_age`` after the sign-in or ``idle_age`` after the last use."""

    database: Database
    lookups: Lookups
    admission: Admission
    access_tokens: AccessTokens
    max_age: dt.timedelta
    idle_age: dt.timedelta
    uses: SessionUses
    notices: Notices | None = None

    async def begin(self, proven: ProvenUser, client: Client, replaced: Sequence[SessionId] = ()) -> SignedIn | None:
        """Return a new session of a user who has just proved who they are; None when they may not sign in.

        The sessions that it replaces end as it begins.
        """
        # A sign-in that replaces nothing is one statement, which needs no transaction.
        lent = self.database.transaction() if replaced else self.database.connection()
        async with lent as connection:
            begun = await self.begin_within(connection, proven, client, replaced)
        if begun is None:
            return None
        signed_in, is_surplus = begun
        if is_surplus:
            await self.end_surplus(signed_in.user.id, client)
        return signed_in

    async def begin_within(
        self, connection: Connection, proven: ProvenUser, client: Client, replaced: Sequence[SessionId] = ()
    ) -> tuple[SignedIn, bool] | None:
        """Return the same, in the caller's transaction, and whether the user now has more than ``MOST`` sessions."""
        token, ages = refresh_tokens.make_refresh_token(), (self.max_age, self.idle_age)
        found = await insert_new_session(connection, proven, client, token, ages, MOST)
        if found is None:
            return None
        user, session, is_surplus = found
        if replaced:
            await self._tell_replaced(connection, await _revoke_replaced(connection, replaced), client)
        return self._give(user, session, token), is_surplus

    async def find_first_live(self, session_ids: Sequence[SessionId]) -> tuple[User, Session] | None:
        """Return the first of these sessions that is live, and its user, and note its use; None when none is."""
        for session_id in session_ids:
            found = await self.lookups.read(session_id)
            if found is not None:
                self.uses.note(session_id)
                return found
        return None

    async def find_ending(self, session_id: SessionId) -> str | None:
        """Return why a session was ended before its time (a value of ``Ending``), or None."""
        async with self.database.connection() as connection:
            return await find_ending(connection, session_id)

    async def find_live(self, session_id: SessionId) -> tuple[User, Session] | None:
        """Return the session and its user if it is live, or None."""
        return await self.lookups.read(session_id)

    async def refresh(self, token: str, client: Client) -> SignedIn:
        """Return a new pair for a refresh token; RefreshRefused when its session is not live, or it is used up.

        Throttled when the session was given too many, for each is kept as long as the session.
        """
        async with self.database.transaction() as connection:
            refreshed = await self._refresh(connection, token, client)
        if refreshed is None:  # outside the transaction, so that what was ended stays ended
            raise RefreshRefused
        return refreshed

    async def list_devices(self, user_id: int, after: SessionId | None, limit: int) -> list[Device]:
        """Return a user's live sessions, the newest first."""
        async with self.database.connection() as connection:
            return await list_devices(connection, user_id, after, limit)

    async def end(
        self, session_id: SessionId, because: Ending, client: Client, *, user_id: int | None = None
    ) -> Session | None:
        """End a session, of this user if one is named, and return it; None when there was nothing to end."""
        async with self.database.transaction() as connection:
            session = await update_revoked(connection, session_id, user_id, because)
            await self._tell(connection, [session] if session else [], because, client)
            return session

    async def end_others(self, user: User, spared: SessionId, client: Client) -> None:
        """End all sessions of a user but one."""
        async with self.database.transaction() as connection:
            await lock_user(connection, user.id)
            await self.end_all(connection, user.id, Ending.ENDED_BY_USER, client, spared=spared)
            if self.notices is not None:
                await self.notices.write(connection, LetterKind.SESSIONS_ENDED, user, client)

    async def end_all(
        self,
        connection: Connection,
        user_id: int,
        because: Ending,
        client: Client,
        *,
        spared: SessionId | None = None,
        replaced: Sequence[SessionId] = (),
    ) -> None:
        """End all sessions of a user, except one if it is spared, in the transaction that is the reason for it.

        The user's row is locked. All codes and links end, too, for more sessions could begin by them; and so do the
        sessions ``replaced``, whoever's they are: a browser's, for a session of the user that is to begin.
        However many there are: a cutoff ends those beyond ``ENDED_AT_ONCE``, and all of a user who is being deleted;
        housekeeping sees to their rows.
        """
        await end_codes_of(connection, user_id)
        ended = await update_all_revoked(connection, user_id, spared, because, ENDED_AT_ONCE)
        others = await _revoke_replaced(connection, replaced)
        await self._tell(connection, ended, because, client)
        await self._tell_replaced(connection, others, client)
        if len(ended) == ENDED_AT_ONCE:
            await insert_audit_line(connection, Event.ALL_SESSIONS_REVOKED, client, user_id)
        if len(ended) == ENDED_AT_ONCE or because is Ending.ACCOUNT_DELETED:
            await insert_cutoff(connection, user_id, spared, because)

    def sign_access_token(self, user: User, session: Session) -> str:
        """Return a new access token for the user's session, which is in use now.

        It is never dated before the session, whose start is by the database's clock: by that clock, tokens issued
        before a restore are refused. But it says when the user proved who they are, if that was before, elsewhere.
        """
        began_at = int(session.created_at.timestamp())
        now = max(int(time.time()), began_at)
        return self.access_tokens.sign(
            user_id=user.id,
            name=user.name,
            email=user.email,
            session_id=str(session.id),
            now=now,
            ends_at=now + self._get_life(session, now),
            authenticated_at=int(session.authenticated_at.timestamp()) if session.authenticated_at else began_at,
            roles=user.roles,
            email_verified=user.email_verified_at is not None,
        )

    async def _tell_replaced(self, connection: Connection, ended: Sequence[Session], client: Client) -> None:
        for session in ended:  # perhaps of several users
            await self._tell(connection, [session], Ending.REPLACED, client)

    async def end_surplus(self, user_id: int, client: Client) -> None:
        """End the sessions that a user has beyond ``MOST``. The user stays signed in, whatever happens here."""
        with contextlib.suppress(Unavailable):
            async with self.database.transaction() as connection:
                ended = await update_surplus_revoked(connection, user_id, MOST, Ending.TOO_MANY, ENDED_AT_ONCE)
                await self._tell(connection, ended, Ending.TOO_MANY, client)

    async def _refresh(self, connection: Connection, token: str, client: Client) -> SignedIn | None:
        session_id = await refresh_tokens.find_session_of(connection, token)
        session = await update_last_used(connection, session_id, self.idle_age) if session_id else None
        user = await find_user(connection, session.user_id) if session else None
        if session is None or user is None:
            return None
        successor = await self._find_successor(connection, token, session, client)
        if successor is None:
            await insert_audit_line(connection, Event.REFRESH_REUSED, client, user.id, session.id)
            ended = await update_revoked(connection, session.id, user.id, Ending.REFRESH_REUSED)
            await self._tell(connection, [ended] if ended else [], Ending.REFRESH_REUSED, client)
            return None
        return self._give(user, session, successor)

    async def _find_successor(self, connection: Connection, token: str, session: Session, client: Client) -> str | None:
        """Return the token that follows, made now or before; None when the token is used up (rule 3)."""
        use = await refresh_tokens.find_use(connection, token)
        if use is not None:
            successor = refresh_tokens.derive_successor(token, use.salt)
            is_lost_answer = use.ago < GRACE or (
                not use.is_repeated and await refresh_tokens.update_repeated(connection, successor)
            )
            return successor if is_lost_answer else None
        await self.admission.admit_use(connection, LimitName.REFRESH, str(session.id), client)
        salt = refresh_tokens.make_salt()
        successor = refresh_tokens.derive_successor(token, salt)
        await refresh_tokens.update_used(connection, token, salt)
        await refresh_tokens.insert_refresh_token(connection, successor, session.id)
        return successor

    def _give(self, user: User, session: Session, refresh_token: str) -> SignedIn:
        life = self._get_life(session, int(time.time()))
        return SignedIn(user, session, self.sign_access_token(user, session), life, refresh_token)

    def _get_life(self, session: Session, now: int) -> int:
        """Return the lifetime, in seconds, of an access token given to a session now."""
        left = int(session.ends_at.timestamp()) - now
        return max(1, min(self.access_tokens.ttl, int(self.idle_age.total_seconds()) // 2, left))

    async def _tell(self, connection: Connection, ended: Sequence[Session], because: Ending, client: Client) -> None:
        """Note the end of one user's sessions in the audit, and publish it."""
        if not ended:
            return
        event = Event.SIGNED_OUT if because is Ending.SIGNED_OUT else Event.SESSION_REVOKED
        session_ids = [session.id for session in ended]
        await insert_session_lines(connection, event, client, ended[0].user_id, session_ids)
        await insert_revocations(connection, session_ids, dt.timedelta(seconds=self.access_tokens.ttl))


async def _revoke_replaced(connection: Connection, session_ids: Sequence[SessionId]) -> list[Session]:
    """Revoke the sessions that a sign-in replaces: all rows, before any of them is told of (rule 4)."""
    revoked = [await update_revoked(connection, each, None, Ending.REPLACED) for each in sorted(session_ids)]
    return list(filter(None, revoked))


def read_session_id(text: object) -> SessionId | None:
    """Return the session id of a text, in the one spelling that access tokens use; None when it is none."""
    if not isinstance(text, str) or not re.fullmatch(SESSION_ID_PATTERN, text):
        return None
    return SessionId(uuid.UUID(text))
