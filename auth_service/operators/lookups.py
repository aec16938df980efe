"""Finding the user whom an operator names: by their id, or by their e-mail address, however it is spelled."""

import contextlib
from collections.abc import AsyncIterator

from auth_service.parts import Parts
from auth_service.tables.users import User, find_credentials, find_user, lock_user
from shared.errors import NotFound
from shared.postgres.database import Connection

UNKNOWN_ID = "There is no user of that id"
UNKNOWN_ADDRESS = "There is no user of that e-mail address"


async def get_user(parts: Parts, named: int | str) -> User:
    """Return a user; NotFound when there is none."""
    async with parts.database.connection() as connection:
        if isinstance(named, int):
            user = await find_user(connection, named)
        else:
            found = await find_credentials(connection, named)
            user = found.user if found else None
    if user is None:
        raise NotFound(UNKNOWN_ID if isinstance(named, int) else UNKNOWN_ADDRESS)
    return user


@contextlib.asynccontextmanager
async def locked_user(parts: Parts, named: int | str) -> AsyncIterator[tuple[Connection, User]]:
    """Lend a transaction in which a user's row is locked, and the user as it then is; NotFound when there is none."""
    found = await get_user(parts, named)
    async with parts.database.transaction() as connection:
        user = await lock_user(connection, found.id)
        if user is None:
            raise NotFound(UNKNOWN_ID)
        yield connection, user


async def get_user_id(parts: Parts, named: int | str | None) -> int | None:
    """Return the id of a user, even of one who is no more; NotFound for an address that nobody has, None for None."""
    return (await get_user(parts, named)).id if isinstance(named, str) else named
