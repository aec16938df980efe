"""How an account becomes somebody's: stored for them, however they come, or taken over from whom it never was.

Anybody can sign up with any address. Whoever then proves that it is theirs has the account, and finds it clean: what
was left there to wait for them is void ("Pre-hijacked Accounts", Sudhodanan and Paverd, USENIX Security 2022).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from auth_service.accounts.invitations import Invitations
from auth_service.api.schemas import AccountChange
from auth_service.clients import Client
from auth_service.errors import EmailTaken
from auth_service.sessions.sessions import Sessions
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.identities import delete_identities_of
from auth_service.tables.sessions import Ending, SessionId
from auth_service.tables.user_changes import ChangeKind, insert_user_change
from auth_service.tables.users import (
    User,
    insert_user,
    update_name,
    update_password_void,
    update_proven,
    update_roles,
)
from shared.errors import Invalid
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.web.schemas import validate

T = TypeVar("T")

First: TypeAlias = Callable[[Connection], Awaitable[None]]
Then: TypeAlias = Callable[[Connection, User], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody who is to have an account; without a password where they sign in otherwise.

    ``invitation`` is by which they may, if that takes one (``invitations``).
    """

    name: str
    email: str
    password_hash: str | None = field(repr=False)
    invitation: int | None = None


@dataclass(frozen=True, slots=True)
class NewUsers:
    """Stores them."""

    database: Database
    epoch_watch: EpochWatch
    invitations: Invitations

    async def store(
        self, new: NewUser, client: Client, then: Then[T], first: First | None = None, *, by_operator: bool = False
    ) -> T:
        """Store a new user and return the result of ``then``; raises EmailTaken, SignUpClosed, InvitationWanted.

        ``first`` and ``then`` are called in the same transaction, before and after.
        """

        async def store() -> T | None:
            async with self.database.transaction() as connection:
                if first is not None:
                    await first(connection)
                user = await _store_user(connection, new, client)
                if user is None:
                    return None  # and has cost no invitation
                if not by_operator:
                    await self.invitations.use(connection, new.invitation)
                done = await then(connection, user)
                await insert_user_change(connection, ChangeKind.CREATED, user)  # last: the other feed goes first
                return done

        stored = await self.epoch_watch.write(store)
        if stored is None:  # outside the transaction, so that the refusal stays in the audit
            raise EmailTaken
        return stored


async def prove_address(connection: Connection, user_id: int, client: Client) -> bool:
    """Note that a user reads what is sent to their address; tell whether that was not known before."""
    is_first = await update_proven(connection, user_id)
    if is_first:
        await insert_audit_line(connection, Event.EMAIL_PROVEN, client, user_id)
    return is_first


async def take_over(
    connection: Connection,
    sessions: Sessions,
    user: User,
    replaced: Sequence[SessionId],
    client: Client,
    said: str = "",
) -> User:
    """Void all that is of the time before an address was proven, and return the user, whose row is locked.

    Password, sessions, identities and pending codes; the roles, which were given to whom it never was; and the name,
    which is as they ``said`` or as the address has it.
    """
    await insert_audit_line(connection, Event.ACCOUNT_TAKEN_OVER, client, user.id)
    await update_password_void(connection, user.id)
    await sessions.end_all(connection, user.id, Ending.TAKEN_OVER, client, replaced=replaced)
    await delete_identities_of(connection, user.id)
    if user.roles:
        await update_roles(connection, user.id, (), user.roles)
        await insert_audit_line(connection, Event.ROLES_CHANGED, client, user.id, about=describe_roles((), user.roles))
    renamed = await update_name(connection, user.id, choose_name(said, user.email))
    assert renamed is not None, "the row is locked"
    if renamed.name != user.name:
        await insert_user_change(connection, ChangeKind.RENAMED, renamed)  # last: the other feed goes first
    return renamed


def describe_roles(added: Sequence[str], removed: Sequence[str]) -> str:
    """Return what the audit says of roles that were given and taken: ``+admin -writer``."""
    return " ".join([*(f"+{role}" for role in added), *(f"-{role}" for role in removed)])


def choose_name(said: str, email: str) -> str:
    """Return the name of somebody new: as the provider says it, where it can be one here, else from the address."""
    for wanted in (said, email.partition("@")[0]):
        try:
            name = validate(AccountChange, {"name": wanted}).name
        except Invalid:
            continue
        if name is not None:
            return name
    return "?"


async def _store_user(connection: Connection, new: NewUser, client: Client) -> User | None:
    """Store a new user, with an audit line; None, which gets one too, when the e-mail address has a user."""
    user = await insert_user(connection, new.name, new.email, new.password_hash)
    event, user_id = (Event.SIGNED_UP, user.id) if user else (Event.SIGN_UP_REFUSED, None)
    await insert_audit_line(connection, event, client, user_id)
    return user
