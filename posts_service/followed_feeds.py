"""The table ``followed_feeds``: how far feeds of other services were taken. Each function is one SQL statement.

The position is written in the transaction that stores what the feed told; whoever does that locks it first, so that
replicas take turns.
"""

from shared.database import Connection


async def find_position(connection: Connection, feed: str) -> int:
    """Return how far a feed was taken."""
    position: int = await connection.fetchval("SELECT position FROM followed_feeds WHERE feed = $1", feed)
    return position


async def lock_position(connection: Connection, feed: str) -> int:
    """Return how far a feed was taken; nobody else moves it until the transaction ends."""
    position: int = await connection.fetchval("SELECT position FROM followed_feeds WHERE feed = $1 FOR UPDATE", feed)
    return position


async def update_position(connection: Connection, feed: str, *, was: int, position: int) -> None:
    """Move a feed's position; one that is no longer where it ``was`` stays."""
    await connection.execute(
        "UPDATE followed_feeds SET position = $3 WHERE feed = $1 AND position = $2",
        *(feed, was, position),
    )
