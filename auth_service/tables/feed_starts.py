"""The table ``feed_starts``: how far the feeds had come when each epoch began.

Each function is one SQL statement, except for the locks with which the first keeps the feeds still meanwhile.
"""

import uuid
from dataclasses import dataclass

from auth_service.clients import Client
from auth_service.tables import revocations, user_changes
from auth_service.tables.audit import Event, insert_audit_line
from shared.postgres.database import Connection
from shared.postgres.epochs import Epoch, get_beginning


@dataclass(frozen=True, slots=True)
class Past:
    """What came after an epoch: whether there was a loss, and how far the feeds were when the next one began."""

    is_current: bool
    was_lost: bool
    next_user_changes: int | None
    next_revocations: int | None


async def insert_feed_start(connection: Connection, epoch: Epoch) -> None:
    """Record how far the feeds have come, in the transaction that begins an epoch.

    That is where the last one ended, if entries were written since the data has moved: those are of the new epoch, and
    no follower has been given them (``verifiers.long_poll``). Triggers note it in ``feed_ends``; as unknown where the
    release before may have given them.
    """
    # In the order of a deletion. Entries numbered later become visible after the epoch.
    for turn in (revocations.TURN, user_changes.TURN):
        await connection.execute("SELECT pg_advisory_xact_lock($1)", turn)
    await connection.execute(
        """
        WITH ends AS (SELECT feed, last FROM feed_ends WHERE epoch = $1 - 1)
        INSERT INTO feed_starts (epoch, user_changes, revocations)
        SELECT $1,
            coalesce((SELECT last FROM ends WHERE feed = 'user_changes'), (SELECT max(id) FROM user_changes), 0),
            coalesce((SELECT last FROM ends WHERE feed = 'revocations'), (SELECT max(id) FROM revocations), 0)
        """,
        epoch.number,
    )


async def find_past(connection: Connection, epoch_id: uuid.UUID) -> Past | None:
    """Return what came after an epoch, or after one that only a follower knows; None for any other.

    An epoch that is unknown here is part of a past that was lost. That was noticed if a loss began later than it.
    """
    row = await connection.fetchrow(
        """
        WITH asked AS (
            SELECT min(CASE WHEN id = $1 THEN number ELSE number - 1 END) AS number
            FROM epochs WHERE id = $1 OR told_by = $1
        )
        SELECT asked.number = (SELECT max(number) FROM epochs) AS is_current,
            EXISTS (SELECT FROM epochs WHERE epochs.number > asked.number AND is_loss) AS was_lost,
            next.user_changes, next.revocations
        FROM asked LEFT JOIN feed_starts AS next ON next.epoch = asked.number + 1
        WHERE asked.number IS NOT NULL
        UNION ALL
        SELECT false, true, NULL, NULL FROM asked
        WHERE asked.number IS NULL AND EXISTS (SELECT FROM epochs WHERE is_loss AND began_at > $2)
        """,
        epoch_id,
        get_beginning(epoch_id),
    )
    return Past(row["is_current"], row["was_lost"], row["user_changes"], row["revocations"]) if row else None


async def note_epoch(connection: Connection, epoch: Epoch) -> None:
    """Record the start of an epoch: how far the feeds have come, and an audit line after a loss."""
    await insert_feed_start(connection, epoch)
    if epoch.lost_at is not None:
        client = Client(None, "the auth service itself", f"epoch-{epoch.id.hex[:16]}")
        await insert_audit_line(connection, Event.DATABASE_PUT_BACK, client, None)
