"""From what another provider proves to a session: who somebody is, is a provider and its subject, never an address.

1. The user who has the identity is signed in, whatever the provider says of their address today. Not by another issuer
   that has been given the provider's id since: NotLinked.
2. An identity that nobody has is given to the account with its address only if the provider says that the address was
   verified and it is proven here, too; a letter then tells them. An account whose address nobody proved is taken over
   clean (``new_users.take_over``). In every other case with such an account, there is no session: NotLinked. So it is
   where the two addresses only look alike (``is_same_mailbox``), or the account has another subject of that provider:
   addresses change hands there.
3. Where nobody has the address either, there is a new account, without a password, if people may have one
   (``invitations``). It needs an address, and a proven one where nobody gets in without: there an unproven one is
   NoAccountMade, be it taken or free.
4. The limits on signing up hold. So do disabling and proof of the address, as for every way; a new device is reported.
5. Of two answers about somebody new that come at once, one makes the account, and both sign in.
6. A session is as recent as the provider says that the proof is. Where it does not say, it is not recent at all: a page
   that wants a recent one (``max_auth_age``) does not open to it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from auth_service.accounts.new_users import NewUser, NewUsers, choose_name, prove_address, take_over
from auth_service.clients import Client
from auth_service.errors import EmailTaken, EmailUnproven, NoAccountMade, NotAllowedIn, NotLinked
from auth_service.guessing.admission import Admission
from auth_service.guessing.rules import LimitName
from auth_service.mail.addresses import is_same_mailbox
from auth_service.mail.letters import LetterKind
from auth_service.mail.notices import Notices
from auth_service.providers.identity_letters import IdentityLetters
from auth_service.providers.recent_proofs import NEVER_SAID
from auth_service.sessions.sessions import Sessions, SignedIn
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.identities import (
    NewIdentity,
    find_owner,
    insert_identity,
    list_identities,
    update_identity_used,
)
from auth_service.tables.new_sessions import ProvenUser
from auth_service.tables.sessions import SessionId
from auth_service.tables.users import User, find_credentials, lock_user
from shared.errors import Unavailable
from shared.postgres.database import Connection, Database

log = structlog.get_logger("providers")

MOST = 20  # identities of one user
TRIES = 3  # somebody else may make the account at the same time


@dataclass(frozen=True, slots=True)
class ProviderProof:
    """Who somebody proved to be to another provider, and what that says of them.

    ``authenticated_at`` is when they last did, in seconds; None where it does not say.
    """

    provider: str
    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
    is_email_proven: bool = False
    name: str = ""
    authenticated_at: int | None = None


class _Overtaken(Exception):
    """Somebody else was given the identity, or the address, at the same moment."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Signs in by identities; ``needs_proof`` where people have to prove their addresses first."""

    database: Database
    new_users: NewUsers
    admission: Admission
    sessions: Sessions
    notices: Notices | None
    needs_proof: bool
    letters: IdentityLetters

    async def sign_in(self, proof: ProviderProof, client: Client, replaced: Sequence[SessionId]) -> SignedIn:
        """Return the user with a new session that replaces those ``replaced``.

        NotLinked, NoAccountMade, NotAllowedIn, EmailUnproven, Throttled.
        """
        for _ in range(TRIES):
            try:
                signed_in = await self._enter(proof, client, replaced)
                return signed_in or await self._join(proof, client, replaced)
            except _Overtaken:
                continue
        raise Unavailable

    async def _enter(self, proof: ProviderProof, client: Client, replaced: Sequence[SessionId]) -> SignedIn | None:
        """Return the user who has the identity, or is given it; None when there is nobody yet."""
        try:
            async with self.database.transaction() as connection:
                user = await self._find_user(connection, proof, client, replaced)
                begun = await self._begin(connection, user, proof, client, replaced) if user else None
        except (NotLinked, NotAllowedIn, EmailUnproven):
            await self._note_refusal(proof, client)
            raise
        if begun is None:
            return None
        signed_in, is_surplus = begun
        if is_surplus:
            await self.sessions.end_surplus(signed_in.user.id, client)
        if self.notices is not None:
            await self.notices.write_of_sign_in(signed_in.user, signed_in.session, client)
        return signed_in

    async def _join(self, proof: ProviderProof, client: Client, replaced: Sequence[SessionId]) -> SignedIn:
        """Return somebody new; NoAccountMade, SignUpClosed, InvitationWanted, Throttled."""
        if proof.email is None or (self.needs_proof and not proof.is_email_proven):
            await self._note_refusal(proof, client)
            raise NoAccountMade
        try:
            invitation = await self.new_users.invitations.admit(client)
        except NotAllowedIn:
            await self._note_refusal(proof, client)
            raise
        await self.admission.admit_address(LimitName.SIGN_UP, client)
        new = NewUser(choose_name(proof.name, proof.email), proof.email, None, invitation)

        async def link_and_begin(connection: Connection, user: User) -> SignedIn:
            if proof.is_email_proven:
                await prove_address(connection, user.id, client)
            if not await link_identity(connection, user, proof, client, None):
                raise _Overtaken
            begun = await self._begin(connection, user, proof, client, replaced)
            return begun[0]

        try:
            return await self.new_users.store(new, client, link_and_begin)
        except EmailTaken:
            raise _Overtaken from None

    async def _find_user(
        self, connection: Connection, proof: ProviderProof, client: Client, replaced: Sequence[SessionId]
    ) -> User | None:
        """Return the user, whose row is locked, who has the identity, or is given it; NotLinked."""
        owner = await find_owner(connection, proof.provider, proof.subject)
        if owner is not None:
            if not is_of_issuer(owner.issuer, proof):
                raise NotLinked
            user = await lock_user(connection, owner.user_id)
            used = (proof.provider, proof.subject, owner.user_id, proof.email)
            if user is None or not await update_identity_used(connection, *used):
                raise _Overtaken
            return user
        return await self._find_by_address(connection, proof, client, replaced)

    async def _find_by_address(
        self, connection: Connection, proof: ProviderProof, client: Client, replaced: Sequence[SessionId]
    ) -> User | None:
        """Return the user, whose row is locked, who is given the identity for their address; NotLinked."""
        if proof.email is None or (self.needs_proof and not proof.is_email_proven):
            return None  # whether or not there is an account: nobody learns who has one
        found = await find_credentials(connection, proof.email)
        user = await lock_user(connection, found.user.id) if found else None
        if user is None:
            return None
        if not proof.is_email_proven or not is_same_mailbox(user.email, proof.email):
            raise NotLinked
        if user.disabled_at is not None:
            return user
        if await prove_address(connection, user.id, client):
            user = await take_over(connection, self.sessions, user, replaced, client, said=proof.name)
        for each in await list_identities(connection, user.id, MOST):
            if each.provider == proof.provider:
                is_of_issuer(each.issuer, proof)  # for the log
                raise NotLinked
        if not await link_identity(connection, user, proof, client, self.letters):
            raise _Overtaken
        return user

    async def _begin(
        self,
        connection: Connection,
        user: User,
        proof: ProviderProof,
        client: Client,
        replaced: Sequence[SessionId],
    ) -> tuple[SignedIn, bool]:
        """Return a session of the user, and whether they now have too many; NotAllowedIn, EmailUnproven."""
        if user.disabled_at is not None:
            raise NotAllowedIn
        if self.needs_proof and not _is_proven(user, proof):
            raise EmailUnproven
        said = proof.authenticated_at
        authenticated_at = dt.datetime.fromtimestamp(said, dt.UTC) if said is not None else NEVER_SAID
        proven = ProvenUser(user.id, authenticated_at=authenticated_at, provider=proof.provider)
        begun = await self.sessions.begin_within(connection, proven, client, replaced)
        if begun is None:
            raise NotAllowedIn
        return begun

    async def _note_refusal(self, proof: ProviderProof, client: Client) -> None:
        """Note in the audit whose account was not opened, by identity or else by address."""
        async with self.database.connection() as connection:
            owner = await find_owner(connection, proof.provider, proof.subject)
            user_id = owner.user_id if owner else None
            if user_id is None and proof.email is not None:
                found = await find_credentials(connection, proof.email)
                user_id = found.user.id if found else None
            await insert_audit_line(connection, Event.SIGN_IN_REFUSED, client, user_id, provider=proof.provider)


async def link_identity(
    connection: Connection,
    user: User,
    proof: ProviderProof,
    client: Client,
    letters: IdentityLetters | None,
    session_id: SessionId | None = None,
) -> bool:
    """Link an identity to a user, by this session of theirs, and tell them; False when it is somebody's already.

    False also when they have ``MOST``.
    """
    new = NewIdentity(proof.provider, proof.issuer, proof.subject, proof.email)
    if not await insert_identity(connection, new, user.id, MOST):
        return False
    await insert_audit_line(connection, Event.IDENTITY_LINKED, client, user.id, session_id, proof.provider)
    if letters is not None:
        await letters.write(connection, LetterKind.IDENTITY_LINKED, user, proof.provider, client)
    return True


def is_of_issuer(issuer: str, proof: ProviderProof) -> bool:
    """Tell whether an identity is of the issuer that proves it; where it is not, the log says what to do."""
    if issuer != proof.issuer:
        about = {"provider": proof.provider, "linked_by": issuer, "answered_by": proof.issuer}
        log.error("provider_id_of_another_issuer", **about, remedy="give each issuer an id of its own")
    return issuer == proof.issuer


def _is_proven(user: User, proof: ProviderProof) -> bool:
    """Tell whether a user's address is proven, be it just now by this very proof."""
    is_same = proof.email is not None and is_same_mailbox(proof.email, user.email)
    return user.email_verified_at is not None or (proof.is_email_proven and is_same)
