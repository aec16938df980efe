"""The table ``invitations``: links that let people sign up, by their hashes. Each function is one SQL statement."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.postgres.database import Connection
from shared.postgres.epochs import DataMoved


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation, as operators see it."""

    id: int
    note: str
    uses_left: int
    created_at: dt.datetime
    expires_at: dt.datetime


async def insert_invitation(
    connection: Connection, mac: bytes, note: str, uses: int, lifetime: dt.timedelta
) -> Invitation:
    """Store an invitation and return it."""
    row = await connection.fetchrow(
        """
        INSERT INTO invitations (token_mac, note, uses_left, expires_at) VALUES ($1, $2, $3, now() + $4::interval)
        RETURNING id, note, uses_left, created_at, expires_at
        """,
        mac,
        note,
        uses,
        lifetime,
    )
    assert row is not None
    return Invitation(**row)


async def find_invitation(connection: Connection, macs: Sequence[bytes]) -> int | None:
    """Return the invitation with one of these hashes if it is still good; looking uses nothing up."""
    row = await connection.fetchrow(
        """
        SELECT id FROM invitations
        WHERE token_mac = ANY($1) AND uses_left > 0 AND expires_at > now()
            AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity')
        LIMIT 1
        """,
        list(macs),
    )
    return row["id"] if row else None


async def use_invitation(connection: Connection, invitation_id: int) -> bool:
    """Use an invitation once, in the transaction that makes an account; False when it is no longer good.

    Nor is one from before the database was put back: its end may be part of what was lost. DataMoved until that is
    known.
    """
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('users') AS is_right
        ), used AS (
            UPDATE invitations SET uses_left = uses_left - 1
            WHERE id = $1 AND uses_left > 0 AND expires_at > now()
                AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity')
                AND (SELECT is_right FROM place)
            RETURNING 1
        )
        SELECT is_right, EXISTS (SELECT FROM used) AS is_used FROM place
        """,
        invitation_id,
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    is_used: bool = row["is_used"]
    return is_used


async def list_invitations(connection: Connection, limit: int) -> list[Invitation]:
    """Return the newest invitations that have not expired, used up or not."""
    rows = await connection.fetch(
        """
        SELECT id, note, uses_left, created_at, expires_at FROM invitations
        WHERE expires_at > now() ORDER BY id DESC LIMIT $1
        """,
        limit,
    )
    return [Invitation(**row) for row in rows]


async def delete_invitation(connection: Connection, invitation_id: int) -> bool:
    """Delete an invitation; tell whether it was there."""
    row = await connection.fetchrow("DELETE FROM invitations WHERE id = $1 RETURNING 1", invitation_id)
    return row is not None


async def delete_past_invitations(connection: Connection, limit: int) -> int:
    """Delete some invitations that have expired, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM invitations WHERE id = ANY(ARRAY(
            SELECT id FROM invitations WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        limit,
    )
    return len(rows)
