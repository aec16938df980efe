"""Follows the auth service's user changes: new names reach the authors, and who is deleted takes their posts along.

1. The feed is complete and in order, so it has the last word: an author that it told of is changed by it alone. Tokens
   and lookups only fill in authors that it has not told of yet. No clock is compared.
2. What a page tells and how far that is are stored in one transaction. A page may come again: what was taken before is
   left out.
3. Replicas all follow. The position's lock lets one of them take a page; to the others it is then an old one.
4. A deleted user's posts and idempotency keys are gone for every reader at once, however many (``removals``), and
   ``housekeeping`` deletes them: one user's deletion never holds up the feed. Nothing brings the author back: the id is
   kept. A write that runs meanwhile holds the author's row and goes with the rest, or comes after and is refused
   (``writing``).
"""

from collections.abc import Sequence

from posts_service.authors import Author, upsert_deleted_authors, upsert_followed_authors
from posts_service.followed_feeds import find_position, lock_position, update_position
from posts_service.removals import delete_removals, insert_removals
from posts_service.schemas import ChangePage, UserChange, UserDeleted
from shared.database import Connection, Database
from shared.feed import Feed
from shared.metrics import Metrics
from shared.service_calls import ServiceClient

FEED = "user_changes"
PATH = "/internal/users/changes"


class UserChangeFollower:
    """Brings what the feed tells into the database, where its position is too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_position(self) -> int:
        """Return the number of the last change that was taken, by whichever replica."""
        await self._database.wait_until_ready()
        async with self._database.connection() as connection:
            return await find_position(connection, FEED)

    async def take(self, page: object, after: int) -> None:
        """Apply the changes of a page, unless another replica did so or went back to the beginning."""
        told = ChangePage.model_validate(page)
        async with self._database.transaction() as connection:
            position = await lock_position(connection, FEED)
            if after <= position < told.last:
                await _apply(connection, [change for change in told.changes if change.id > position])
                await update_position(connection, FEED, was=position, position=told.last)

    async def start_anew(self, after: int) -> None:
        """Read from the beginning, unless another replica began to before."""
        async with self._database.connection() as connection:
            await update_position(connection, FEED, was=after, position=0)


def create_user_change_feed(client: ServiceClient, database: Database, metrics: Metrics) -> Feed:
    """Return the feed that keeps authors up to date; not started yet."""
    return Feed(FEED, PATH, client, UserChangeFollower(database), metrics)


async def _apply(connection: Connection, changes: Sequence[UserChange | UserDeleted]) -> None:
    """Store how the users are after these changes: of each user the last one counts."""
    latest = {change.user.id: change for change in changes}
    users = [change.user for change in latest.values() if isinstance(change, UserChange)]
    deleted = [change.user.id for change in latest.values() if isinstance(change, UserDeleted)]
    if users:
        await upsert_followed_authors(connection, [Author(user.id, user.name, user.email) for user in users])
        await delete_removals(connection, [user.id for user in users])
    if deleted:
        await upsert_deleted_authors(connection, deleted)  # first: it waits for writes of these authors to end
        await insert_removals(connection, deleted)
