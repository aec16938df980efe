"""What people do with an account: sign up, change it, delete it. How they sign in: ``signing_in``.

No database connection is held while a password is hashed.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from auth_service.accounts.new_users import First, NewUser, NewUsers, Then, describe_roles
from auth_service.api.schemas import PasswordChange, SignUp
from auth_service.clients import Client
from auth_service.guessing.admission import Admission
from auth_service.guessing.rules import LimitName
from auth_service.mail.addresses import email_key
from auth_service.mail.letters import LetterKind
from auth_service.mail.notices import Notices
from auth_service.passwords.hashing import Passwords, Slot
from auth_service.passwords.rules import GUESSABLE, find_password_fault
from auth_service.providers.recent_proofs import Reauthentication, get_reauthentication, require_recent
from auth_service.sessions.sessions import Sessions, SignedIn
from auth_service.signing_in import SigningIn
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.new_sessions import ProvenUser
from auth_service.tables.sessions import Ending, Session, SessionId, find_live_session
from auth_service.tables.user_changes import ChangeKind, insert_user_change
from auth_service.tables.users import (
    Credentials,
    User,
    delete_user,
    lock_user,
    update_disabled,
    update_name,
    update_password,
    update_roles,
)
from shared.errors import Conflict, Invalid, NotFound, Unauthorized
from shared.language.sentences import Sentence
from shared.postgres.database import Connection, Database

REQUIRED = Sentence("is required")
MAX_ROLES = 16  # for one user: each access token carries them all, and none over 4 KiB is accepted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accounts:
    """The use cases."""

    database: Database
    new_users: NewUsers
    passwords: Passwords
    admission: Admission
    signing_in: SigningIn
    sessions: Sessions
    notices: Notices | None = None

    async def sign_up(self, wanted: SignUp, client: Client) -> User:
        """Return the new user; EmailTaken when the e-mail address has a user; else as ``hash_new``."""
        return await self.store(await self.hash_new(wanted, client), client, _nothing_more)

    async def sign_up_and_in(self, wanted: SignUp, client: Client, replaced: Sequence[SessionId] = ()) -> SignedIn:
        """Return the new user with a session that replaces those ``replaced``, all or nothing; else as ``sign_up``."""

        async def begin(connection: Connection, user: User) -> SignedIn:
            begun = await self.sessions.begin_within(connection, ProvenUser(user.id), client, replaced)
            assert begun is not None, "whom this transaction stores is there"
            return begun[0]

        return await self.store(await self.hash_new(wanted, client), client, begin)

    async def create_user(self, wanted: SignUp, roles: Sequence[str], client: Client) -> User:
        """Return the new user, with roles, as ``sign_up`` does, but without limits; raises EmailTaken, Conflict."""

        async def give_roles(connection: Connection, user: User) -> User:
            return await _replace_roles(connection, user.id, roles, (), client) if roles else user

        password_hash = _get_taken(await self.passwords.hash_new(wanted.password), "password")
        new = NewUser(wanted.name, wanted.email, password_hash)
        return await self.new_users.store(new, client, give_roles, by_operator=True)

    async def change_roles(
        self, user_id: int, added: Sequence[str], removed: Sequence[str], client: Client, *, keep_sessions: bool = False
    ) -> User:
        """Give a user roles, take others away, and return the user; NotFound, Conflict when there would be too many.

        Taking one away ends their sessions, unless told to keep them: access tokens name the role until they expire.
        """
        async with self.database.transaction() as connection:
            before = await lock_user(connection, user_id)
            user = await _replace_roles(connection, user_id, added, removed, client)
            if before is not None and set(before.roles) - set(user.roles) and not keep_sessions:
                await self.sessions.end_all(connection, user_id, Ending.ROLE_TAKEN, client)
        return user

    async def rename(self, user: User, name: str, client: Client) -> User:
        """Return the user under their new name; NotFound when they are gone, Throttled because each name is kept."""
        if name == user.name:
            return user
        async with self.database.transaction() as connection:
            renamed = await update_name(connection, user.id, name)
            if renamed is None:
                raise NotFound
            await self.admission.admit_use(connection, LimitName.RENAME, str(user.id), client)
            await insert_user_change(connection, ChangeKind.RENAMED, renamed)
        return renamed

    async def get_reauthentication(self, user: User, session: Session) -> Reauthentication:
        """Return what is known of a signed-in user; NotFound when they are gone."""
        async with self.database.connection() as connection:
            return (await get_reauthentication(connection, user, session))[1]

    async def change_password(self, user: User, wanted: PasswordChange, session: Session, client: Client) -> None:
        """Change the password, or set the first one, and end all other sessions, and all codes and links that wait.

        Invalid names ``newPassword`` when it is not acceptable; as ``_confirm`` for ``currentPassword``. Unauthorized
        when the session is over by then.
        """
        fault = find_password_fault(wanted.new_password, name=user.name, email=user.email)
        if fault:
            raise Invalid({"newPassword": fault})
        found = await self._confirm(user, session, wanted.current_password, "currentPassword", client)
        with self._take_slot(user.email, client) as slot:
            password_hash = _get_taken(await self.passwords.hash_new(wanted.new_password, slot), "newPassword")
        async with self.database.transaction() as connection:
            await lock_user(connection, user.id)
            await _require_live(connection, session)
            if not await update_password(connection, found, password_hash):
                raise Conflict("The password was changed elsewhere at the same time")
            await insert_audit_line(connection, Event.PASSWORD_CHANGED, client, user.id, session.id)
            await self.sessions.end_all(connection, user.id, Ending.PASSWORD_CHANGED, client, spared=session.id)
            if self.notices is not None:
                await self.notices.write(connection, LetterKind.PASSWORD_CHANGED, user, client)

    async def delete_own(self, user: User, session: Session, password: str | None, client: Client) -> None:
        """Delete the account of a user who proves it is theirs, as ``_confirm`` for ``password``."""
        await self._confirm(user, session, password, "password", client)
        await self.delete(user.id, client, session)

    async def delete(self, user_id: int, client: Client, session: Session | None = None) -> User:
        """Delete a user, end their sessions and publish both; their posts go when the posts service learns of it.

        Returns the user as they were; NotFound when no user has that id, Unauthorized when the session that asks is
        over.
        """
        async with self.database.transaction() as connection:
            user = await lock_user(connection, user_id)
            if user is None:
                raise NotFound("There is no user of that id")
            if session is not None:
                await _require_live(connection, session)
            await insert_audit_line(connection, Event.ACCOUNT_DELETED, client, user.id)
            await self.sessions.end_all(connection, user.id, Ending.ACCOUNT_DELETED, client)
            await delete_user(connection, user.id)
            await insert_user_change(connection, ChangeKind.DELETED, user)
        return user

    async def disable(self, user_id: int, client: Client) -> User:
        """Stop a user from signing in, and end their sessions, codes and links; NotFound when no user has that id."""
        async with self.database.transaction() as connection:
            await lock_user(connection, user_id)
            user = await update_disabled(connection, user_id, is_disabled=True)
            if user is None:
                raise NotFound("There is no user of that id")
            await insert_audit_line(connection, Event.USER_DISABLED, client, user.id)
            await self.sessions.end_all(connection, user.id, Ending.USER_DISABLED, client)
        return user

    async def enable(self, user_id: int, client: Client) -> User:
        """Let a user sign in again; NotFound when no user has that id."""
        async with self.database.transaction() as connection:
            user = await update_disabled(connection, user_id, is_disabled=False)
            if user is None:
                raise NotFound("There is no user of that id")
            await insert_audit_line(connection, Event.USER_ENABLED, client, user.id)
        return user

    async def hash_new(self, wanted: SignUp, client: Client) -> NewUser:
        """Hash the password of somebody who is allowed to sign up.

        SignUpClosed, InvitationWanted; Throttled, Unavailable, Invalid.
        """
        invitation = await self.new_users.invitations.admit(client)
        with self._take_slot(wanted.email, client) as slot:
            await self.admission.admit_address(LimitName.SIGN_UP, client)
            password_hash = _get_taken(await self.passwords.hash_new(wanted.password, slot), "password")
        return NewUser(wanted.name, wanted.email, password_hash, invitation)

    async def store(self, new: NewUser, client: Client, then: Then[T], first: First | None = None) -> T:
        """Store a new user and return the result of ``then``; raises EmailTaken."""
        return await self.new_users.store(new, client, then, first)

    async def _confirm(
        self, user: User, session: Session, password: str | None, member: str, client: Client
    ) -> Credentials:
        """Return the credentials of a user who proves again who they are (``recent_proofs``); NotFound.

        By their password, else Invalid names the member: Throttled. Who has none: by a recent sign-in, else
        Unauthorized.
        """
        async with self.database.connection() as connection:
            found, proven = await get_reauthentication(connection, user, session)
        if not proven.has_password:
            require_recent(proven)
            return found
        if password is None:
            raise Invalid({member: REQUIRED})
        return await self.signing_in.confirm_password(user, password, member, client)

    def _take_slot(self, email: str, client: Client) -> AbstractContextManager[Slot]:
        return self.passwords.take_slot(client.site, email_key(email))


async def _replace_roles(
    connection: Connection, user_id: int, added: Sequence[str], removed: Sequence[str], client: Client
) -> User:
    """Give a user roles, take others away, and return the user; NotFound, Conflict when there would be too many."""
    user = await update_roles(connection, user_id, added, removed)
    if user is None:
        raise NotFound("There is no user of that id")
    if added and len(user.roles) > MAX_ROLES:
        raise Conflict(Sentence("A user can have at most {most} roles", most=MAX_ROLES))
    await insert_audit_line(connection, Event.ROLES_CHANGED, client, user_id, about=describe_roles(added, removed))
    return user


async def _require_live(connection: Connection, session: Session) -> None:
    """Unauthorized where a session ended while its request was on its way; its user's row is locked."""
    if await find_live_session(connection, session.id) is None:
        raise Unauthorized


async def _nothing_more(_: Connection, user: User) -> User:
    return user


def _get_taken(password_hash: str | None, member: str) -> str:
    """Return the hash of an accepted password; otherwise Invalid names the member."""
    if password_hash is None:
        raise Invalid({member: GUESSABLE})
    return password_hash
