"""The table ``codes``: what letters ask people to type or to press. Each function is one SQL statement.

Whether a code is right, and whether it is still good, is decided by the statement that takes a try, or uses it: any
number of simultaneous ones get no more than their turn (ASVS 5.0, 6.6.3). Which code is a browser's newest is found by
a function in the database, ``find_newest_code``.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from auth_service.mail.codes import LIFETIME, TRIES, Purpose
from shared.postgres.database import Connection, Row
from shared.postgres.epochs import DataMoved
from shared.tokens.keyed_hashes import Macs


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be stored, by its hashes; ``user_id`` is None when nobody has the address, and the letter says so."""

    purpose: Purpose
    user_id: int | None
    address_macs: Macs
    code_mac: bytes
    flow_mac: bytes | None = None
    facts: Mapping[str, object] = field(default_factory=dict, repr=False)
    lifetime: dt.timedelta = LIFETIME


@dataclass(frozen=True, slots=True)
class Code:
    """A code that somebody knew."""

    id: int
    user_id: int | None
    created_at: dt.datetime
    facts: Mapping[str, object] = field(repr=False)

    @property
    def email(self) -> str:
        """The address that it was asked for, as it was typed."""
        return str(self.facts["email"])


async def insert_code(connection: Connection, new: NewCode) -> dt.datetime:
    """Store a code, which ends older ones of the same purpose for the same address, and return when that was."""
    made_at: dt.datetime = await connection.fetchval(
        """
        WITH older AS (
            UPDATE codes SET used_at = now()
            WHERE address_mac = ANY($3) AND purpose = $1 AND used_at IS NULL
        )
        INSERT INTO codes (purpose, user_id, address_mac, code_mac, flow_mac, facts, tries_left, expires_at)
        VALUES ($1, $2, ($3::bytea[])[1], $4, $5, $6::jsonb, $7, now() + $8)
        RETURNING created_at
        """,
        new.purpose.value,
        new.user_id,
        new.address_macs,
        new.code_mac,
        new.flow_mac,
        json.dumps(dict(new.facts)),
        TRIES,
        new.lifetime,
    )
    return made_at


async def try_code(connection: Connection, purpose: Purpose, flow_macs: Macs, code_macs: Macs) -> Code | None:
    """Return the newest code of a browser if this is it and still good, otherwise None: a wrong one costs a try."""
    row = await connection.fetchrow(
        """
        UPDATE codes SET tries_left = tries_left - (code_mac <> ALL($3))::int
        WHERE id = (SELECT find_newest_code($1, $2))
            AND used_at IS NULL AND tries_left > 0 AND expires_at > now()
        RETURNING id, user_id, created_at, facts, code_mac = ANY($3) AS is_right
        """,
        purpose.value,
        flow_macs,
        code_macs,
    )
    return _read_code(row) if row and row["is_right"] else None


async def find_newest(connection: Connection, purpose: Purpose, flow_macs: Macs) -> Code | None:
    """Return the newest code of a browser if it is still good: what was asked for there."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, created_at, facts FROM codes
        WHERE id = (SELECT find_newest_code($1, $2))
            AND used_at IS NULL AND tries_left > 0 AND expires_at > now()
        """,
        purpose.value,
        flow_macs,
    )
    return _read_code(row) if row else None


async def find_just_used(
    connection: Connection, purpose: Purpose, flow_macs: Macs, code_macs: Macs, moment: dt.timedelta
) -> Code | None:
    """Return the newest code of a browser if this is it, and it was used a moment ago."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, created_at, facts FROM codes
        WHERE id = (SELECT find_newest_code($1, $2))
            AND code_mac = ANY($3) AND used_at > now() - $4::interval
        """,
        purpose.value,
        flow_macs,
        code_macs,
        moment,
    )
    return _read_code(row) if row else None


async def find_link(connection: Connection, purpose: Purpose, code_macs: Macs) -> Code | None:
    """Return what a link stands for, if it is still good, as ``use_code`` has it; looking does not use it."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, created_at, facts FROM codes
        WHERE code_mac = ANY($2) AND purpose = $1 AND flow_mac IS NULL AND used_at IS NULL AND expires_at > now()
            AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity')
        LIMIT 1
        """,
        purpose.value,
        code_macs,
    )
    return _read_code(row) if row else None


async def find_link_just_used(
    connection: Connection, purpose: Purpose, code_macs: Macs, moment: dt.timedelta
) -> Code | None:
    """Return what a link stood for that was used a moment ago."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, created_at, facts FROM codes
        WHERE code_mac = ANY($2) AND purpose = $1 AND flow_mac IS NULL AND used_at > now() - $3::interval
        LIMIT 1
        """,
        purpose.value,
        code_macs,
        moment,
    )
    return _read_code(row) if row else None


async def find_unused(connection: Connection, purpose: Purpose, address_macs: Macs) -> Code | None:
    """Return what was last sent to an address for a purpose, unless it was used; each new one ends those before."""
    row = await connection.fetchrow(
        """
        SELECT id, user_id, created_at, facts FROM codes
        WHERE address_mac = ANY($2) AND purpose = $1 AND used_at IS NULL LIMIT 1
        """,
        purpose.value,
        address_macs,
    )
    return _read_code(row) if row else None


async def use_code(connection: Connection, code_id: int) -> bool:
    """Use a code up, in the transaction that does what it is for; False when it was used, ended or is too old.

    Or from before the database was put back (``shared/postgres/epochs.py``): its end may be part of what was lost.
    DataMoved until that is known.
    """
    row = await connection.fetchrow(
        """
        WITH place AS (
            SELECT is_data_in_place('users') AS is_right
        ), used AS (
            UPDATE codes SET used_at = clock_timestamp()
            WHERE id = $1 AND used_at IS NULL AND tries_left > 0 AND expires_at > now()
                AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity')
                AND (SELECT is_right FROM place)
            RETURNING 1
        )
        SELECT is_right, EXISTS (SELECT FROM used) AS is_used FROM place
        """,
        code_id,
    )
    assert row is not None
    if not row["is_right"]:
        raise DataMoved
    is_used: bool = row["is_used"]
    return is_used


async def end_codes_of(connection: Connection, user_id: int) -> None:
    """End all codes of a user, in the transaction that is the reason for it."""
    await connection.execute("UPDATE codes SET used_at = now() WHERE user_id = $1 AND used_at IS NULL", user_id)


async def delete_past_codes(connection: Connection, limit: int) -> int:
    """Delete some codes that are too old, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM codes WHERE id = ANY(ARRAY(
            SELECT id FROM codes WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        limit,
    )
    return len(rows)


def _read_code(row: Row) -> Code:
    return Code(row["id"], row["user_id"], row["created_at"], json.loads(row["facts"]))
