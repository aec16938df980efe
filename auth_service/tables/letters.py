"""The table ``letters``: what waits to be sent. Each function is one SQL statement.

A letter is written in the transaction that is the reason for it, so there is none without the other. Whoever sends it
takes it first, for a while (``LEASE``): if they die, another does it after that. What is of use for a short time only,
such as a code, is taken before all that can wait.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from auth_service.mail.letters import LetterKind
from shared.postgres.database import Connection, Row

LEASE = dt.timedelta(seconds=60)
CAN_WAIT = dt.timedelta(hours=1)  # what is of use for longer
LEFT_BEHIND = dt.timedelta(hours=1)  # after its end
LONG_WAIT = dt.timedelta(minutes=1)
MOST_COUNTED = 10_000  # letters
KINDS = [kind.value for kind in LetterKind]  # those of a newer release are left to it


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter to be sent; ``address`` as its owner typed it, ``facts`` what the kind names, ``lifetime`` its use."""

    kind: LetterKind
    address: str
    language: str
    lifetime: dt.timedelta
    user_id: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was taken, for the ``tries``-th time, to be sent; ``is_past`` when it is of no more use."""

    id: int
    kind: LetterKind
    user_id: int | None
    address: str
    language: str
    facts: Mapping[str, str] = field(repr=False)
    created_at: dt.datetime
    expires_at: dt.datetime
    tries: int
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """Letters that wait: how many, and of the oldest, since when, for how many seconds, and what the server said."""

    letters: int
    since: dt.datetime
    seconds: float
    is_long: bool
    answer: str | None


async def insert_letter(connection: Connection, new: NewLetter) -> None:
    """Store a letter, in the transaction that is the reason for it; it is sent after the commit."""
    await connection.execute(
        """
        INSERT INTO letters (kind, user_id, address, language, facts, expires_at, can_wait)
        VALUES ($1, $2, $3, $4, $5::jsonb, now() + $6, $6 > $7)
        """,
        new.kind.value,
        new.user_id,
        new.address,
        new.language,
        json.dumps(dict(new.facts)),
        new.lifetime,
        CAN_WAIT,
    )


async def take_letters(connection: Connection, limit: int) -> list[Letter]:
    """Take some letters that are due, the urgent ones first: for the length of the lease, nobody else gets them."""
    rows = await connection.fetch(
        """
        UPDATE letters SET tries = tries + 1, due_at = now() + $2 WHERE id = ANY(ARRAY(
            SELECT id FROM letters WHERE due_at <= now() AND kind = ANY($3::text[])
            ORDER BY can_wait, due_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, kind, user_id, address, language, facts, created_at, expires_at, tries,
            expires_at <= now() AS is_past
        """,
        limit,
        LEASE,
        KINDS,
    )
    return [_read_letter(row) for row in rows]


async def update_due(connection: Connection, letter_id: int, wait: dt.timedelta, answer: str) -> bool:
    """Let a letter be tried again after a while; False when it will be of no use by then."""
    done: str = await connection.execute(
        "UPDATE letters SET due_at = now() + $2, answer = $3 WHERE id = $1 AND now() + $2 < expires_at",
        letter_id,
        wait,
        answer,
    )
    return done == "UPDATE 1"


async def delete_letter(connection: Connection, letter_id: int) -> None:
    """Delete a letter that was sent, or can't be."""
    await connection.execute("DELETE FROM letters WHERE id = $1", letter_id)


async def delete_past_letters(connection: Connection, limit: int) -> int:
    """Delete some letters that nobody came to give up, such as those of a release that is gone; return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM letters WHERE id = ANY(ARRAY(
            SELECT id FROM letters WHERE expires_at < now() - $2::interval
            ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        limit,
        LEFT_BEHIND,
    )
    return len(rows)


async def find_backlog(connection: Connection) -> Backlog | None:
    """Return what waits, counting no more than so many letters; None when there is nothing."""
    row = await connection.fetchrow(
        """
        SELECT created_at AS since, extract(epoch FROM now() - created_at)::float8 AS seconds,
            now() - created_at > $2 AS is_long, answer,
            (SELECT count(*) FROM (SELECT FROM letters LIMIT $1) AS waiting) AS letters
        FROM letters ORDER BY id LIMIT 1
        """,
        MOST_COUNTED,
        LONG_WAIT,
    )
    return Backlog(**row) if row else None


def _read_letter(row: Row) -> Letter:
    about = (row["user_id"], row["address"], row["language"], json.loads(row["facts"]))
    times = (row["created_at"], row["expires_at"])
    return Letter(row["id"], LetterKind(row["kind"]), *about, *times, row["tries"], row["is_past"])
