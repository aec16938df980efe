"""Roles: what a user is, beside themselves. Rules of the gateway may ask for one.

All of a user's roles stand in each access token, so there are only so many.
"""

from collections.abc import Sequence

from auth_service.clients import Client
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.users import User, update_roles
from shared.errors import Conflict, NotFound
from shared.language.sentences import Sentence
from shared.postgres.database import Connection

MAX_ROLES = 16  # of one user: no token over 4 KiB is accepted


async def replace_roles(
    connection: Connection, user_id: int, added: Sequence[str], removed: Sequence[str], client: Client
) -> User:
    """Give a user roles, take others away, and return the user; NotFound, Conflict when there would be too many."""
    user = await update_roles(connection, user_id, added, removed)
    if user is None:
        raise NotFound("There is no user of that id")
    if added and len(user.roles) > MAX_ROLES:
        raise Conflict(Sentence("A user can have at most {most} roles", most=MAX_ROLES))
    await insert_audit_line(connection, Event.ROLES_CHANGED, client, user_id)
    return user
