"""Follows the auth service's user changes: new names reach the authors, and who is deleted takes along what they wrote.

1. The feed is complete and in order, so it has the last word: an author that it told of is changed by it alone. Tokens
   only fill in authors that it has not told of yet. No clock is compared.
2. What a page tells and how far that is are stored in one transaction. A page may come again: what was taken before is
   left out.
3. Replicas all follow. The position's lock lets one of them take a page; to the others it is then an old one.
4. What a deleted user wrote is gone for every reader at once, however much (``removals``), and housekeeping deletes it
   (``deletions``): one user's deletion never holds up the feed. Nothing brings the author back: the id is kept. A write
   that runs meanwhile holds the author's row and goes with the rest, or comes after and is refused.
5. An entry that can't be read is skipped, at the price of an old name; a deletion never is
   (``shared/auth_events/event_pages.py``).
6. When the auth service's database was put back, the feed is read anew. The names and addresses of users that it no
   longer tells of are forgotten; what they wrote stays without an author, for nobody else gets the id. Deleted users
   who came back are counted, and told.
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
    find_followed_feed,
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
    """Brings what the feed tells into the database, where its position is too."""

    def __init__(self, database: Database, count_skipped: Callable[[], None]) -> None:
        self._database = database
        self._count_skipped = count_skipped

    async def find_position(self) -> Position:
        """Return how far the feed was taken, by whichever replica."""
        await self._database.wait_until_ready()
        async with self._database.connection() as connection:
            return (await find_followed_feed(connection, FEED)).position

    async def take(self, page: object, asked: Position) -> None:
        """Apply the changes of a page, unless another replica did so or went back to the beginning."""
        told = ChangePage.model_validate(page)
        changes, last = self._read_changes(told)
        if last > asked.after or told.epoch not in {None, asked.epoch}:
            await self._store(changes, last, told.epoch, asked)
        elif asked.is_anew:
            await self._end_reading(asked)

    async def start_anew(self, page: object, asked: Position) -> None:
        """Read from the beginning, unless another replica began to before."""
        told = ChangePage.model_validate(page)
        async with self._database.connection() as connection:
            await update_started_anew(connection, FEED, asked, told.epoch)

    def _read_changes(self, told: ChangePage) -> tuple[list[Change], int]:
        """Return the changes of a page that can be read, and how far that is."""
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
        """Forget the names of all authors that the feed, read anew to its end, did not tell of."""
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
    """Return what keeps authors up to date; not started yet."""
    consumer = UserChangeConsumer(database, metrics.count_skipped_entries(FEED))
    return Follower(FEED, USER_CHANGES_PATH, client, consumer, metrics)


def _find_model(entry: object) -> type[BaseModel] | None:
    """Return how a change is read; None when its kind is of a release to come."""
    kind = entry.get("kind") if isinstance(entry, dict) else None
    return _MODELS.get(kind) if isinstance(kind, str) else UserDeleted  # which it may be, so that it is not skipped


def _is_deletion(entry: object) -> bool:
    return _find_model(entry) is UserDeleted


async def _apply(connection: Connection, changes: Sequence[Change], reading: dt.datetime | None) -> None:
    """Store how the users are after these changes: of each user the last one counts."""
    latest = {change.user.id: change for change in changes}
    users = [change.user for change in latest.values() if isinstance(change, UserChange)]
    deleted = [change.user.id for change in latest.values() if isinstance(change, UserDeleted)]
    if users:
        told = [Author(user.id, user.name, user.email) for user in users]
        await upsert_followed_authors(connection, told, reading)
        await delete_removals(connection, [user.id for user in users])
    if deleted:
        await upsert_deleted_authors(connection, deleted, reading)  # first: it waits for writes of these authors to end
        await insert_removals(connection, deleted)
