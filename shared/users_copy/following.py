"""Follows the auth service's user changes: renames authors, and removes deleted users with what they wrote.

1. The feed is complete and in order, so it has the last word: an author whom it has named is changed by it alone.
   Tokens only fill in authors whom it has not named yet. No clocks are compared.
2. A page's changes and the new position are stored in one transaction. A page may come again: what was taken before is
   skipped.
3. All replicas follow. The lock on the position lets one of them take a page; for the others it is then an old one.
4. What a deleted user wrote is hidden from every reader at once, however much (``removals``), and housekeeping deletes
   it (``deletions``): one user's deletion never holds up the feed. Nothing brings the author back: the id is kept. A
   concurrent write either holds the author's row and goes with the rest, or comes after and is refused.
5. An entry that can't be read is skipped, at the price of an old name; a deletion never is
   (``shared/auth_events/event_pages.py``).
6. When the auth service's database was restored, the feed is read from the beginning. The names and addresses of users
   whom it no longer names are forgotten; what they wrote stays without an author, for nobody else gets the id. Deleted
   users who came back are counted, and logged. The same where the feed has forgotten deletions that were not read yet.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import structlog
from pydantic import BaseModel

from shared.auth_events.contract import USER_CHANGES_PATH, ChangePage, UserChange, UserDeleted
from shared.auth_events.event_pages import read_entries
from shared.auth_events.follower import Follower, Position
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.users_copy.authors import (
    Author,
    count_returned_authors,
    update_unknown_authors,
    upsert_deleted_authors,
    upsert_followed_authors,
)
from shared.users_copy.followed_feeds import (
    get_followed_feed,
    lock_followed_feed,
    update_position,
    update_read,
    update_started_anew,
)
from shared.users_copy.removals import delete_removals, insert_removals
from shared.web.service_calls import ServiceClient

FEED = "user_changes"
FORGOTTEN_AT_ONCE = 1000  # authors, in one transaction

Change = UserChange | UserDeleted

_MODELS: dict[object, type[BaseModel]] = {"created": UserChange, "renamed": UserChange, "deleted": UserDeleted}

log = structlog.get_logger("users_copy")


class UserChangeConsumer:
    """Stores the feed's changes in the database, together with the position."""

    def __init__(self, database: Database, count_skipped: Callable[[], None]) -> None:
        self._database = database
        self._count_skipped = count_skipped

    async def get_position(self) -> Position:
        """Return how far the feed was read, by whichever replica."""
        await self._database.wait_until_ready()
        async with self._database.connection() as connection:
            return (await get_followed_feed(connection, FEED)).position

    async def take(self, page: object, asked: Position) -> None:
        """Apply the changes on a page, unless another replica did so or went back to the beginning."""
        told = ChangePage.model_validate(page)
        if asked.after < told.purged and not asked.is_anew:
            log.warning("feed_was_purged", feed=FEED, after=asked.after, purged=told.purged)
            await self.start_anew(page, asked)
            return
        changes, last = self._read_changes(told)
        if last > asked.after or told.epoch not in {None, asked.epoch}:
            await self._store(changes, last, told.epoch, asked)
        elif asked.is_anew:
            await self._end_reading(asked)

    async def start_anew(self, page: object, asked: Position) -> None:
        """Read from the beginning, unless another replica already does."""
        told = ChangePage.model_validate(page)
        async with self._database.connection() as connection:
            await update_started_anew(connection, FEED, asked, told.epoch)

    def _read_changes(self, told: ChangePage) -> tuple[list[Change], int]:
        """Return the readable changes on a page, and the position after them."""
        read, stop = read_entries(FEED, told.changes, _find_model, _is_deletion, self._count_skipped)
        changes = [change for change in read if isinstance(change, Change)]
        return changes, told.last if stop is None else stop - 1

    async def _store(self, changes: Sequence[Change], last: int, epoch: str | None, asked: Position) -> None:
        async with self._database.transaction() as connection:
            followed = await lock_followed_feed(connection, FEED)
            position = followed.position
            if position.epoch != asked.epoch or not asked.after <= position.after <= last:
                return
            await _apply(
                connection, [change for change in changes if change.id > position.after], followed.reading_since
            )
            highest_id = max((change.user.id for change in changes), default=0)
            await update_position(connection, FEED, last, epoch, highest_id)

    async def _end_reading(self, asked: Position) -> None:
        """Forget the names of all authors whom the feed, read again to its end, did not name."""
        forgotten, left = 0, True
        while left:
            async with self._database.transaction() as connection:
                followed = await lock_followed_feed(connection, FEED)
                if followed.position != asked or followed.reading_since is None:
                    return
                done = await update_unknown_authors(connection, followed.reading_since, FORGOTTEN_AT_ONCE)
                forgotten, left = forgotten + done, done == FORGOTTEN_AT_ONCE
                if not left:
                    await update_read(connection, FEED)
                    returned = await count_returned_authors(connection)
        see = "docs/reliability.md, After a restore"
        log.warning("feed_read_anew", feed=FEED, authors_unknown=forgotten, deleted_users_back=returned, see=see)


def create_user_change_follower(client: ServiceClient, database: Database, metrics: Metrics) -> Follower:
    """Return the follower that keeps authors up to date; not started yet."""
    consumer = UserChangeConsumer(database, metrics.register_skipped_entries(FEED))
    return Follower(FEED, USER_CHANGES_PATH, client, consumer, metrics)


def _find_model(entry: object) -> type[BaseModel] | None:
    """Return the model of a change; None when its kind is of a newer release."""
    kind = entry.get("kind") if isinstance(entry, dict) else None
    return _MODELS.get(kind) if isinstance(kind, str) else UserDeleted  # it may be one, so it is not skipped


def _is_deletion(entry: object) -> bool:
    return _find_model(entry) is UserDeleted


async def _apply(connection: Connection, changes: Sequence[Change], reading: dt.datetime | None) -> None:
    """Store the users as they are after these changes: the last one of each user counts."""
    latest = {change.user.id: change for change in changes}
    users = [change.user for change in latest.values() if isinstance(change, UserChange)]
    deleted = [change.user.id for change in latest.values() if isinstance(change, UserDeleted)]
    if users:
        told = [Author(user.id, user.name, user.email) for user in users]
        await upsert_followed_authors(connection, told, reading)
        await delete_removals(connection, [user.id for user in users])
    if deleted:
        await upsert_deleted_authors(connection, deleted, reading)  # first: it waits for these authors' writes to end
        await insert_removals(connection, deleted)
