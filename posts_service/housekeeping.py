"""The posts service's chores: delete what deleted authors wrote, and what is too old: answers, and deletions.

Rows are locked in the order removals, posts, idempotency keys; authors by themselves.
"""

import datetime as dt

from posts_service.tables.idempotency_keys import delete_answers_of, delete_expired_answers, has_answers_of
from posts_service.tables.posts import delete_posts_of, has_posts_of
from shared.postgres.database import Connection
from shared.postgres.housekeeping import Bite, Chore, until_few
from shared.users_copy.authors import delete_long_deleted_authors
from shared.users_copy.deletions import finish_removals

BYTES = 10_000  # of long content, which PostgreSQL stores in many pieces: about as much work as a row
LONG = 10  # stored answers hold posts: each counts as so many rows


def build_chores(answers_kept_for: dt.timedelta, deletions_kept_for: dt.timedelta) -> dict[str, Chore]:
    """Return the posts service's chores, by name."""

    async def forget_answers(connection: Connection, limit: int) -> Bite:
        few = max(1, limit // LONG)
        rows = await delete_expired_answers(connection, answers_kept_for, few)
        return Bite(rows, has_more=rows >= few)

    async def forget_deletions(connection: Connection, limit: int) -> int:
        return await delete_long_deleted_authors(connection, deletions_kept_for, limit)

    return {
        "removals": finish_removals(_forget_author),
        "authors": until_few(forget_deletions),
        "idempotency_keys": forget_answers,
    }


async def _forget_author(connection: Connection, author_id: int, limit: int) -> Bite:
    """Delete some of what one deleted author wrote, the newest first: lists begin there."""
    rows = await delete_posts_of(connection, author_id, limit, limit * BYTES)
    rows += await delete_answers_of(connection, author_id, max(1, limit // LONG))
    is_left = rows > 0 or await has_posts_of(connection, author_id) or await has_answers_of(connection, author_id)
    return Bite(rows, has_more=is_left)
