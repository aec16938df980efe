"""The table ``followed_feeds``: how far other services' feeds were read. Each function is one SQL statement.

The position is written in the transaction that stores the feed's events, which locks it first, so that replicas take
turns.
"""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from shared.auth_events.follower import Position
from shared.postgres.database import Connection, Row


@dataclass(frozen=True, slots=True)
class FollowedFeed:
    """How far a feed was read, and since when it is being read from the beginning again, if it is."""

    position: Position
    reading_since: dt.datetime | None


async def get_followed_feed(connection: Connection, feed: str) -> FollowedFeed:
    """Return how far a feed was read."""
    row = await connection.fetchrow(
        "SELECT position, epoch, highest_id, reading_since FROM followed_feeds WHERE feed = $1", feed
    )
    assert row is not None
    return _read(row)


async def lock_followed_feed(connection: Connection, feed: str) -> FollowedFeed:
    """Return how far a feed was read, locked until the transaction ends."""
    row = await connection.fetchrow(
        "SELECT position, epoch, highest_id, reading_since FROM followed_feeds WHERE feed = $1 FOR UPDATE", feed
    )
    assert row is not None
    return _read(row)


async def update_position(connection: Connection, feed: str, after: int, epoch: str | None, highest_id: int) -> None:
    """Advance a feed's position, in the epoch that the feed sent last; the feed must be locked."""
    await connection.execute(
        """
        UPDATE followed_feeds SET position = $2, epoch = coalesce($3, epoch), highest_id = greatest(highest_id, $4)
        WHERE feed = $1
        """,
        feed,
        after,
        UUID(epoch) if epoch else None,
        highest_id,
    )


async def update_started_anew(connection: Connection, feed: str, asked: Position, epoch: str | None) -> None:
    """Go back to a feed's beginning, unless its position is no longer the one that was requested."""
    await connection.execute(
        """
        UPDATE followed_feeds SET position = 0, epoch = coalesce($4, epoch), reading_since = clock_timestamp()
        WHERE feed = $1 AND position = $2 AND epoch IS NOT DISTINCT FROM $3
        """,
        feed,
        asked.after,
        UUID(asked.epoch) if asked.epoch else None,
        UUID(epoch) if epoch else None,
    )


async def update_read(connection: Connection, feed: str) -> None:
    """Note that a feed was read again to its end."""
    await connection.execute("UPDATE followed_feeds SET reading_since = NULL WHERE feed = $1", feed)


def _read(row: Row) -> FollowedFeed:
    epoch, since = row["epoch"], row["reading_since"]
    position = Position(row["position"], str(epoch) if epoch else None, row["highest_id"], is_anew=since is not None)
    return FollowedFeed(position, since)
