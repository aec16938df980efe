"""What people do with an account: sign up, sign in, go on, sign out.

No database connection is held while a password is hashed. What belongs together, a session, its refresh token and its
audit line, is one transaction.
"""

import datetime as dt
import time
import uuid
from dataclasses import dataclass

import structlog

from auth_service.admission import Admission, Try
from auth_service.audit import Event, insert_audit_line
from auth_service.clients import Client
from auth_service.errors import EmailTaken, InvalidCredentials
from auth_service.passwords import Passwords
from auth_service.refresh_tokens import insert_refresh_token, make_refresh_token
from auth_service.revocations import delete_past_revocations, insert_revocations
from auth_service.schemas import SignIn, SignUp
from auth_service.sessions import (
    Revocation,
    Session,
    SessionId,
    find_live_session,
    insert_session,
    update_last_used,
    update_revoked,
)
from auth_service.user_changes import Kind, insert_user_change
from auth_service.users import Credentials, User, find_credentials, find_user, insert_user, update_password_hash
from shared.database import Database
from shared.errors import AppError, Unavailable
from shared.tokens import AccessTokens

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a session and the tokens that prove it."""

    user: User
    session: Session
    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The use cases; sessions end ``max_age`` after the sign-in or ``idle_age`` after the last use."""

    database: Database
    passwords: Passwords
    admission: Admission
    access_tokens: AccessTokens
    max_age: dt.timedelta
    idle_age: dt.timedelta

    async def sign_up(self, wanted: SignUp, client: Client) -> User:
        """Return the new user; EmailTaken when somebody has the e-mail address, Throttled."""
        await self.admission.admit_sign_up(client)
        return await self.create_user(wanted, client)

    async def create_user(self, wanted: SignUp, client: Client) -> User:
        """Return the new user as ``sign_up`` does, for whom no limit holds; EmailTaken."""
        password_hash = await self.passwords.hash(wanted.password)
        async with self.database.transaction() as connection:
            user = await insert_user(connection, wanted.name, wanted.email, password_hash)
            event = Event.SIGNED_UP if user else Event.SIGN_UP_REFUSED
            await insert_audit_line(connection, event, client, user.id if user else None)
            if user is not None:
                await insert_user_change(connection, Kind.CREATED, user)
        if user is None:
            raise EmailTaken
        return user

    async def sign_in(self, offered: SignIn, client: Client) -> SignedIn:
        """Return the user with a new session; InvalidCredentials whether the e-mail or the password is wrong.

        Throttled when too many failed before, whatever the password.
        """
        counted = await self.admission.admit_sign_in(offered.username, client)
        async with self.database.connection() as connection:
            found = await find_credentials(connection, offered.username)
        is_right = await self._verify(offered.password, found, counted)
        if found is None or not is_right:
            await self._note_refusal(found, client)
            raise InvalidCredentials
        signed_in = await self.start_session(found.user, client, counted)
        await self._renew_hash(found, offered.password)
        return signed_in

    async def start_session(self, user: User, client: Client, counted: Try | None = None) -> SignedIn:
        """Return a new session of a user who has just proved who they are, by the try that was counted, if any."""
        refresh_token = make_refresh_token()
        async with self.database.transaction() as connection:
            if counted is not None:
                await self.admission.succeed(connection, counted)
            session = await insert_session(connection, user.id, client, self.max_age, self.idle_age)
            await insert_refresh_token(connection, refresh_token, session.id)
            await insert_audit_line(connection, Event.SIGNED_IN, client, user.id, session.id)
        return SignedIn(user, session, self.sign_access_token(user, session), refresh_token)

    async def continue_session(self, session_id: SessionId) -> tuple[User, Session] | None:
        """Return whose live session this is and note that it is used; None when it is not live."""
        async with self.database.connection() as connection:
            session = await update_last_used(connection, session_id, self.idle_age)
            user = await find_user(connection, session.user_id) if session else None
        return (user, session) if user and session else None

    async def find_signed_in(self, session_id: SessionId) -> User | None:
        """Return whose live session this is, or None."""
        async with self.database.connection() as connection:
            session = await find_live_session(connection, session_id)
            return await find_user(connection, session.user_id) if session else None

    async def sign_out(self, session_id: SessionId, client: Client) -> None:
        """End a session; one that has ended before stays as it is."""
        async with self.database.transaction() as connection:
            session = await update_revoked(connection, session_id, Revocation.SIGNED_OUT)
            if session is not None:
                await insert_audit_line(connection, Event.SIGNED_OUT, client, session.user_id, session.id)
                await delete_past_revocations(connection)
                await insert_revocations(connection, [session.id], dt.timedelta(seconds=self.access_tokens.ttl))

    def sign_access_token(self, user: User, session: Session) -> str:
        """Return a new access token for the user's session."""
        return self.access_tokens.sign(
            user_id=user.id,
            name=user.name,
            email=user.email,
            session_id=str(session.id),
            now=int(time.time()),
            authenticated_at=int(session.created_at.timestamp()),
            roles=user.roles,
        )

    async def _verify(self, password: str, found: Credentials | None, counted: Try) -> bool:
        """Tell whether the password is right; a try that finds no place in the queue is given back."""
        try:
            return await self.passwords.verify(password, found.password_hash if found else None)
        except Unavailable:
            await self.admission.give_back(counted)
            raise

    async def _note_refusal(self, found: Credentials | None, client: Client) -> None:
        user_id = found.user.id if found else None
        async with self.database.connection() as connection:
            await insert_audit_line(connection, Event.SIGN_IN_REFUSED, client, user_id)

    async def _renew_hash(self, found: Credentials, password: str) -> None:
        """Hash the password again when today's parameters differ. The user is signed in, whatever happens here."""
        if not self.passwords.needs_rehash(found.password_hash):
            return
        try:
            password_hash = await self.passwords.hash(password)
            async with self.database.connection() as connection:
                await update_password_hash(connection, found.user.id, found.password_hash, password_hash)
        except AppError as error:
            log.warning("rehash_failed", user_id=found.user.id, error=type(error).__name__)


def read_session_id(text: object) -> SessionId | None:
    """Return a session id from its text, or None when it is none."""
    try:
        return SessionId(uuid.UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None
