"""Compares what a follower of a feed has seen with what this database knows: shows restores that nothing else shows.

A follower reports how far it has read (``after``), in which epoch, and the highest user id that it has seen. It may
know

1. the current epoch, and no more than the database does: it reads on;
2. an earlier epoch, after which nothing was lost: it reads on, if it had not read past the start of the next one;
3. an earlier epoch, after which something was lost: it starts over, since what it took may never have happened here;
4. more than this database knows: something was lost just now. A new epoch begins, and the follower starts over.

A follower of the previous release reports only how far it has read. It starts over where that is past the newest entry.

What an external service says never begins an epoch, for that signs everybody out. Its position counts only in
the current epoch; anything else is the beginning.
"""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final

import structlog

from auth_service.tables.feed_starts import Past, find_past
from auth_service.tables.revocations import get_newest_revocation
from auth_service.tables.user_changes import get_newest_change
from auth_service.tables.users import get_highest_user_id
from shared.auth_events.contract import EventsQuestion
from shared.errors import Unavailable
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.epochs import Epoch, find_epoch

GetNewest = Callable[[Connection], Awaitable[int]]
GET_NEWEST: Final[dict[str, GetNewest]] = {
    "user_changes": get_newest_change,
    "revocations": get_newest_revocation,
}

log = structlog.get_logger("followers")


class Standing(Enum):
    """What a follower must do: read on, or start over; or that it knows of something that was lost."""

    READS_ON = auto()
    BEGINS_ANEW = auto()
    KNOWS_MORE = auto()


async def admit_follower(
    database: Database, watch: EpochWatch, feed: str, question: EventsQuestion
) -> tuple[Epoch, Standing]:
    """Return the current epoch, and what the follower must do; begin an epoch where it knows of a loss."""
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        standing, epoch = await _judge(connection, feed, question), await find_epoch(connection)
    if standing is Standing.KNOWS_MORE:
        log.warning("follower_knows_more", feed=feed, after=question.after, known=question.known)
        await watch.begin_after_loss(
            lambda found: _knows_more(found, feed, question), question.epoch, question.known or 0
        )
        async with database.connection() as connection:
            epoch = await find_epoch(connection)
    if epoch is None:
        raise Unavailable
    return epoch, standing


async def place_other(database: Database, feed: str, epoch_id: str, after: int) -> tuple[Epoch, int]:
    """Return the current epoch, and where in it an external service reads on."""
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        newest, epoch = await GET_NEWEST[feed](connection), await find_epoch(connection)
    if epoch is None:
        raise Unavailable
    return epoch, after if epoch_id == str(epoch.id) and after <= newest else 0


async def _knows_more(connection: Connection, feed: str, question: EventsQuestion) -> bool:
    return await _judge(connection, feed, question) is Standing.KNOWS_MORE


async def _judge(connection: Connection, feed: str, question: EventsQuestion) -> Standing:
    newest = await GET_NEWEST[feed](connection)
    if question.epoch is None and question.known is None:
        return Standing.BEGINS_ANEW if question.after > newest else Standing.READS_ON
    past = await find_past(connection, question.epoch) if question.epoch else None
    if (question.epoch and past is None) or (question.known or 0) > await get_highest_user_id(connection):
        return Standing.KNOWS_MORE
    if past is not None and past.was_lost:
        return Standing.BEGINS_ANEW
    return Standing.KNOWS_MORE if question.after > _get_end(feed, past, newest) else Standing.READS_ON


def _get_end(feed: str, past: Past | None, newest: int) -> int:
    """Return the last number that a follower can have read if it knows no later epoch than this one."""
    if past is None or past.is_current:
        return newest
    end = past.next_user_changes if feed == "user_changes" else past.next_revocations
    return newest if end is None else end
