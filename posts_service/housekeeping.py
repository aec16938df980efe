"""The posts service's chores: what deleted authors wrote is deleted, and answers that are too old are forgotten.

Rows are locked in the order removals, posts, idempotency keys.
"""

from posts_service.tables.idempotency_keys import delete_answers_of, delete_expired_answers
from posts_service.tables.posts import delete_posts_of
from posts_service.tables.removals import delete_finished_removal, find_removal
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.housekeeping import Bite, Chore, Housekeeping

BYTES = 10_000  # of long content, which PostgreSQL stores in many pieces, are about as much work as a row
LONG = 10  # stored answers hold posts: each counts as so many rows


def build_housekeeping(database: Database, metrics: Metrics) -> Housekeeping:
    """Return the posts service's housekeeping; not started yet."""
    chores: dict[str, Chore] = {"removals": _finish_removal, "idempotency_keys": _forget_answers}
    return Housekeeping(database, chores, metrics)


async def _finish_removal(connection: Connection, limit: int) -> Bite:
    """Delete some of what one deleted author wrote, the newest first: lists begin there."""
    author_id = await find_removal(connection)
    if author_id is None:
        return Bite(0, has_more=False)
    rows = await delete_posts_of(connection, author_id, limit, limit * BYTES)
    rows += await delete_answers_of(connection, author_id, max(1, limit // LONG))
    # Without a row that could be deleted, all is done, or somebody holds what is left.
    has_more = rows > 0 or await delete_finished_removal(connection, author_id)
    return Bite(rows, has_more)


async def _forget_answers(connection: Connection, limit: int) -> Bite:
    few = max(1, limit // LONG)
    rows = await delete_expired_answers(connection, few)
    return Bite(rows, has_more=rows >= few)
