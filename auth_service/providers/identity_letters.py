"""The letters about identities: what is linked, or removed, its user is told by mail."""

from collections.abc import Mapping
from dataclasses import dataclass

from auth_service.clients import Client
from auth_service.mail.letters import LetterKind
from auth_service.mail.notices import Notices
from auth_service.tables.users import User
from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class IdentityLetters:
    """Tells users what becomes of their identities, where there is mail; ``names`` are the providers', by their ids."""

    notices: Notices | None
    names: Mapping[str, str]

    async def write(self, connection: Connection, kind: LetterKind, user: User, provider: str, client: Client) -> None:
        """Tell a user what the caller's transaction does to their identity at a provider."""
        if self.notices is not None:
            await self.notices.write(connection, kind, user, client, provider=self.names.get(provider, provider))
