"""Housekeeping deletes what a deleted user left in small bites, however much it is.

Readers stop seeing it before that: no statement shows what somebody in ``removals`` wrote. Nor can they write anything
new, for they have no name any more.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from shared.postgres.database import Connection
from shared.postgres.housekeeping import Bite, Chore
from shared.users_copy.removals import delete_removals, find_removal

Forget: TypeAlias = Callable[[Connection, int, int], Awaitable[Bite]]
"""A service's hook: deletes at most ``rows`` rows that a user wrote (connection, user, rows), in a transaction.

``has_more`` says that something is left, even if only because somebody else has locked it.
"""


def finish_removals(forget: Forget) -> Chore:
    """Return the chore of deleting what deleted users left."""

    async def chore(connection: Connection, limit: int) -> Bite:
        user_id = await find_removal(connection)
        if user_id is None:
            return Bite(0, has_more=False)
        bite = await forget(connection, user_id, limit)
        if bite.has_more:
            return Bite(bite.rows, has_more=bite.rows > 0)  # if no row could be deleted, somebody holds the rest
        await delete_removals(connection, [user_id])
        return Bite(bite.rows, has_more=True)  # perhaps another user's

    return chore


def until_none(delete: Callable[[Connection, int, int], Awaitable[int]]) -> Forget:
    """Return the hook of a service with one table: ``delete`` returns how many rows went, 0 when none were left.

    It must choose its rows with ``FOR UPDATE``, and not skip those that are locked: else what it skipped, or what was
    there beside rows that somebody else deleted meanwhile, would stay for good.
    """

    async def forget(connection: Connection, user_id: int, limit: int) -> Bite:
        rows = await delete(connection, user_id, limit)
        return Bite(rows, has_more=rows > 0)

    return forget
