"""The table ``user_changes``: what happened to users, in order, for services that keep copies of them.

Each function is one SQL statement. A change is written in the transaction that makes it, as late as possible: the lock
that it takes makes ids follow the order of commits, so that no follower reads past one that is yet to be committed.

Only the last change of each user is kept: a trigger deletes the ones before. That is all a follower needs, however far
behind it is; and nothing but the id remains of a deleted user. That goes after a long while, too; a follower that has
not read it by then begins anew (``feed_purges``).
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from auth_service.tables.users import User
from shared.postgres.database import Connection

PAGE = 500  # changes

TURN = 4_709_202  # any number, but a different one for each feed


class ChangeKind(StrEnum):
    """What can happen to a user, as others need to know it. A new address counts as a new name does."""

    CREATED = "created"
    RENAMED = "renamed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class UserChange:
    """One change; name and e-mail are None for a deleted user."""

    id: int
    kind: ChangeKind
    user_id: int
    name: str | None
    email: str | None


async def insert_user_change(connection: Connection, kind: ChangeKind, user: User) -> None:
    """Record a change of a user, with what they are now."""
    is_gone = kind is ChangeKind.DELETED
    await connection.execute(
        """
        INSERT INTO user_changes (kind, user_id, name, email)
        SELECT $1, $2, $3, $4 FROM (SELECT pg_advisory_xact_lock($5)) AS in_turn
        """,
        kind.value,
        user.id,
        None if is_gone else user.name,
        None if is_gone else user.email,
        TURN,
    )


async def list_user_changes(connection: Connection, after: int) -> list[UserChange]:
    """Return the changes after a number, in order, at most a page of them."""
    rows = await connection.fetch(
        "SELECT id, kind, user_id, name, email FROM user_changes WHERE id > $1 ORDER BY id LIMIT $2",
        after,
        PAGE,
    )
    return [UserChange(row["id"], ChangeKind(row["kind"]), row["user_id"], row["name"], row["email"]) for row in rows]


async def delete_past_deletions(connection: Connection, kept_for: dt.timedelta, limit: int) -> int:
    """Forget some deletions that are so old, and note how far; return how many. The newest change stays."""
    row = await connection.fetchrow(
        """
        WITH gone AS (
            DELETE FROM user_changes WHERE id = ANY(ARRAY(
                SELECT id FROM user_changes
                WHERE kind = 'deleted' AND happened_at < now() - $1::interval
                    AND id < (SELECT max(id) FROM user_changes)
                ORDER BY happened_at LIMIT $2 FOR UPDATE SKIP LOCKED
            )) RETURNING id
        ), noted AS (
            INSERT INTO feed_purges (feed, last) SELECT 'user_changes', max(id) FROM gone HAVING max(id) IS NOT NULL
            ON CONFLICT (feed) DO UPDATE SET last = greatest(feed_purges.last, excluded.last)
        )
        SELECT count(*) AS rows FROM gone
        """,
        kept_for,
        limit,
    )
    assert row is not None
    rows: int = row["rows"]
    return rows


async def get_last_purged(connection: Connection) -> int:
    """Return the highest number of a change that was forgotten, 0 when none was: who has not read it reads anew."""
    last: int | None = await connection.fetchval("SELECT last FROM feed_purges WHERE feed = 'user_changes'")
    return last or 0


async def get_newest_change(connection: Connection) -> int:
    """Return the number of the last change, 0 before the first. It is never deleted, so nobody has read past it."""
    newest: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM user_changes")
    return newest
