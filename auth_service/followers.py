"""What a follower of a feed has seen, against what this database knows: so a restore shows that nothing else shows.

A follower says how far it has read (``after``), in which epoch, and the highest user id that it has met. It may know

1. the current epoch, and no more than there is: it reads on;
2. an earlier one, after which nothing was lost: it reads on, if it had read no further than where the next one began;
3. an earlier one, after which something was lost: it begins anew, since what it took may never have happened here;
4. more than this database knows: something was lost just now. An epoch begins, and the follower begins anew.

A follower of the release before says nothing but how far it is. It begins anew where that is further than there is.
"""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Annotated, Final
from uuid import UUID

import structlog
from pydantic import Field

from auth_service.tables.feed_starts import Past, find_past
from auth_service.tables.revocations import find_newest_revocation
from auth_service.tables.user_changes import find_newest_change
from auth_service.tables.users import find_highest_user_id
from shared.errors import Unavailable
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.epochs import Epoch, find_epoch
from shared.tokens.signed import MAX_ID
from shared.web.schemas import Query

MAX_WAIT = 6  # seconds; less than the ANSWER_WITHIN of ``shared.web.deadline``

FindNewest = Callable[[Connection], Awaitable[int]]
FIND_NEWEST: Final[dict[str, FindNewest]] = {
    "user_changes": find_newest_change,
    "revocations": find_newest_revocation,
}

log = structlog.get_logger("followers")


class FeedPlace(Query):
    """Where a page of a feed begins, and how many seconds an empty one may be waited for; what the follower knows."""

    after: Annotated[int, Field(ge=0, le=MAX_ID)] = 0
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT)] = 0.0
    epoch: UUID | None = None
    known: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None


class Standing(Enum):
    """What a follower is to do: read on, begin anew; or it knows of something that was lost."""

    READS_ON = auto()
    BEGINS_ANEW = auto()
    KNOWS_MORE = auto()


async def admit_follower(database: Database, watch: EpochWatch, feed: str, place: FeedPlace) -> tuple[Epoch, Standing]:
    """Return the current epoch, and what the follower is to do; begin an epoch where it knows of a loss."""
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        standing, epoch = await _judge(connection, feed, place), await find_epoch(connection)
    if standing is Standing.KNOWS_MORE:
        log.warning("follower_knows_more", feed=feed, after=place.after, known=place.known)
        await watch.begin_after_loss(lambda found: _knows_more(found, feed, place), place.epoch, place.known or 0)
        async with database.connection() as connection:
            epoch = await find_epoch(connection)
    if epoch is None:
        raise Unavailable
    return epoch, standing


async def _knows_more(connection: Connection, feed: str, place: FeedPlace) -> bool:
    return await _judge(connection, feed, place) is Standing.KNOWS_MORE


async def _judge(connection: Connection, feed: str, place: FeedPlace) -> Standing:
    newest = await FIND_NEWEST[feed](connection)
    if place.epoch is None and place.known is None:
        return Standing.BEGINS_ANEW if place.after > newest else Standing.READS_ON
    past = await find_past(connection, place.epoch) if place.epoch else None
    if (place.epoch and past is None) or (place.known or 0) > await find_highest_user_id(connection):
        return Standing.KNOWS_MORE
    if past is not None and past.was_lost:
        return Standing.BEGINS_ANEW
    return Standing.KNOWS_MORE if place.after > _find_end(feed, past, newest) else Standing.READS_ON


def _find_end(feed: str, past: Past | None, newest: int) -> int:
    """Return the last number that a follower can have read who knows no later epoch than this one."""
    if past is None or past.is_current:
        return newest
    end = past.next_user_changes if feed == "user_changes" else past.next_revocations
    return newest if end is None else end
