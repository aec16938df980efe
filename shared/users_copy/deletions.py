"""What a deleted user left goes in small bites, by the service's housekeeping, however much it is.

It is gone for every reader before that: no statement shows what somebody in ``removals`` wrote. Nobody in there writes
anything new, for they have no name any more.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from shared.postgres.database import Connection
from shared.postgres.housekeeping import Bite, Chore
from shared.users_copy.removals import delete_removals, find_removal

Forget: TypeAlias = Callable[[Connection, int, int], Awaitable[Bite]]
"""A service's hook: deletes at most so many rows of what a user wrote (connection, user, rows), in a transaction.

``has_more`` says that something is left, be it that somebody else has locked it.
"""


def finish_removals(forget: Forget) -> Chore:
    """Return the chore of deleting what deleted users left."""

    async def chore(connection: Connection, limit: int) -> Bite:
        user_id = await find_removal(connection)
        if user_id is None:
            return Bite(0, has_more=False)
        bite = await forget(connection, user_id, limit)
        if bite.has_more:
            return Bite(bite.rows, has_more=bite.rows > 0)  # where no row could be deleted, somebody holds the rest
        await delete_removals(connection, [user_id])
        return Bite(bite.rows, has_more=True)  # perhaps another user's

    return chore


def until_none(delete: Callable[[Connection, int, int], Awaitable[int]]) -> Forget:
    """Return the hook of a service with one table: ``delete`` tells how many rows went, 0 when none were left.

    It must wait for rows that are locked rather than skip them: else what it skipped would stay for good.
    """

    async def forget(connection: Connection, user_id: int, limit: int) -> Bite:
        rows = await delete(connection, user_id, limit)
        return Bite(rows, has_more=rows > 0)

    return forget
