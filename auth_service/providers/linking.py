"""What users do with their identities at other providers: see them, add one, remove them.

1. To add or remove one, a user has signed in a moment ago (``recent_proofs``).
2. An identity is added to the account of the very session that asked for it, if that is still live. One that is another
   user's stays theirs.
3. The last way in is never removed (``keeps_way_in``). That is decided with the user's row locked, so of two removals
   at once each knows what the other left.
4. Removing one ends all other sessions: those that it began among them.
5. The user is told of both by mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth_service.clients import Client
from auth_service.errors import IdentityTaken, LastWayIn, SessionChanged, TooManyIdentities
from auth_service.mail.letters import LetterKind
from auth_service.providers.identities import MOST, ProviderProof, is_of_issuer, link_identity
from auth_service.providers.identity_letters import IdentityLetters
from auth_service.providers.recent_proofs import get_reauthentication, require_recent
from auth_service.sessions.sessions import Sessions
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.identities import (
    LinkedIdentity,
    delete_identities_at,
    find_owner,
    list_identities,
)
from auth_service.tables.sessions import Ending, Session, find_live_session
from auth_service.tables.users import User, lock_user
from shared.errors import NotFound, Unauthorized
from shared.postgres.database import Database


@dataclass(frozen=True, slots=True)
class Linking:
    """The use cases; where it ``needs_proof``, nobody gets in who has not proven their address."""

    database: Database
    sessions: Sessions
    letters: IdentityLetters
    needs_proof: bool

    @property
    def names(self) -> Mapping[str, str]:
        """The names of the providers that are on, by their ids."""
        return self.letters.names

    async def list_of(self, user: User) -> list[LinkedIdentity]:
        """Return a user's identities, the oldest first."""
        async with self.database.connection() as connection:
            return await list_identities(connection, user.id, MOST)

    async def check_recent(self, user: User, session: Session) -> None:
        """Let nobody begin to add an identity who did not sign in a moment ago: Unauthorized."""
        async with self.database.connection() as connection:
            _, proven = await get_reauthentication(connection, user, session)
        require_recent(proven)

    async def add(self, user: User, session: Session, proof: ProviderProof, client: Client) -> None:
        """Give an identity to the user of a session; IdentityTaken, TooManyIdentities, SessionChanged."""
        try:
            await self._add(user, session, proof, client)
        except (IdentityTaken, TooManyIdentities):
            async with self.database.connection() as connection:
                about = (user.id, session.id, proof.provider)
                await insert_audit_line(connection, Event.IDENTITY_REFUSED, client, *about)
            raise

    async def remove(self, user: User, session: Session, provider: str, client: Client) -> None:
        """Take away what a user has at a provider; NotFound, LastWayIn, Unauthorized."""
        async with self.database.transaction() as connection:
            locked = await lock_user(connection, user.id)
            if locked is None or await find_live_session(connection, session.id) is None:
                raise Unauthorized
            _, proven = await get_reauthentication(connection, locked, session)
            require_recent(proven)
            identities = await list_identities(connection, user.id, MOST)
            others = [each.provider for each in identities if each.provider != provider]
            if len(others) == len(identities):
                raise NotFound
            if not self.keeps_way_in(locked, others, has_password=proven.has_password):
                raise LastWayIn
            await delete_identities_at(connection, user.id, provider)
            await insert_audit_line(connection, Event.IDENTITY_REMOVED, client, user.id, session.id, provider)
            await self.sessions.end_all(connection, user.id, Ending.IDENTITY_REMOVED, client, spared=session.id)
            await self.letters.write(connection, LetterKind.IDENTITY_REMOVED, locked, provider, client)

    def keeps_way_in(self, user: User, providers: Sequence[str], *, has_password: bool) -> bool:
        """Tell whether a user gets in by what is left: a password, a provider that is on, or a letter to them.

        Where people have to prove their address first, nobody gets in who has not.
        """
        is_proven = user.email_verified_at is not None
        has_way = has_password or any(each in self.names for each in providers)
        return (has_way and (is_proven or not self.needs_proof)) or (is_proven and self.letters.notices is not None)

    async def _add(self, user: User, session: Session, proof: ProviderProof, client: Client) -> None:
        async with self.database.transaction() as connection:
            locked = await lock_user(connection, user.id)
            if locked is None or await find_live_session(connection, session.id) is None:
                raise SessionChanged
            if await link_identity(connection, locked, proof, client, self.letters, session.id):
                return
            owner = await find_owner(connection, proof.provider, proof.subject)
        if owner is None:
            raise TooManyIdentities
        if owner.user_id != user.id or not is_of_issuer(owner.issuer, proof):
            raise IdentityTaken
