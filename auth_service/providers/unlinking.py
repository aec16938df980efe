"""Taking away, as an operator, what a user has at a provider: the identity may be that of somebody who broke in.

Unlike the user (``linking``), an operator takes the last way in away, too. It ends all sessions, for those that the
identity began are among them, and the user is told by mail.
"""

from auth_service.clients import Client
from auth_service.mail.letters import LetterKind
from auth_service.providers.identities import MOST
from auth_service.providers.linking import Linking
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.identities import delete_identities_at, list_identities
from auth_service.tables.sessions import Ending
from auth_service.tables.users import User, lock_user
from shared.errors import NotFound
from shared.postgres.database import Connection


async def unlink(linking: Linking, user_id: int, provider: str, client: Client) -> User:
    """Take away what a user has at a provider, and return the user; NotFound."""
    async with linking.database.transaction() as connection:
        user = await lock_user(connection, user_id)
        if user is None:
            raise NotFound("There is no user of that id")
        if provider not in {each.provider for each in await list_identities(connection, user_id, MOST)}:
            raise NotFound("The user has nothing at that provider")
        await _take_away(connection, linking, user, provider, client)
    return user


async def unlink_all(connection: Connection, linking: Linking, user: User, client: Client) -> None:
    """Take away what a user, whose row is locked, has at any provider."""
    for provider in dict.fromkeys(each.provider for each in await list_identities(connection, user.id, MOST)):
        await _take_away(connection, linking, user, provider, client)


async def _take_away(connection: Connection, linking: Linking, user: User, provider: str, client: Client) -> None:
    await delete_identities_at(connection, user.id, provider)
    await insert_audit_line(connection, Event.IDENTITY_REMOVED, client, user.id, provider=provider)
    await linking.sessions.end_all(connection, user.id, Ending.IDENTITY_REMOVED, client)
    await linking.letters.write(connection, LetterKind.IDENTITY_REMOVED, user, provider, client)
