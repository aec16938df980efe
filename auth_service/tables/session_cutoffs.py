"""The table ``session_cutoffs``: users whose sessions are over, all that began by a moment, however many.

Each function is one SQL statement. One row here ends any number of sessions at once, because every statement that
checks whether a session is live checks this table, which is nearly always empty. Housekeeping then ends the sessions'
own rows.
"""

import datetime as dt
from dataclasses import dataclass

from auth_service.tables.sessions import Ending, SessionId
from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The end of those of a user's sessions that began by a moment, except for one that may be spared."""

    id: int
    user_id: int
    began_by: dt.datetime
    spared: SessionId | None
    because: Ending


async def insert_cutoff(connection: Connection, user_id: int, spared: SessionId | None, because: Ending) -> None:
    """End all sessions of a user that began before now, except for one if it is spared."""
    await connection.execute(
        "INSERT INTO session_cutoffs (user_id, began_by, spared, because) VALUES ($1, clock_timestamp(), $2, $3)",
        user_id,
        spared,
        because.value,
    )


async def find_cutoff(connection: Connection) -> Cutoff | None:
    """Return the first cutoff that no other replica is working on, locked; None when there is none."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, began_by, spared, because FROM session_cutoffs
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        """
    )
    if row is None:
        return None
    spared = SessionId(row["spared"]) if row["spared"] else None
    return Cutoff(row["id"], row["user_id"], row["began_by"], spared, Ending(row["because"]))


async def delete_cutoff(connection: Connection, cutoff_id: int) -> None:
    """Delete a cutoff: the rows of its sessions are marked as over by now, or are gone."""
    await connection.execute("DELETE FROM session_cutoffs WHERE id = $1", cutoff_id)
