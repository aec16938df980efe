"""The table ``attempts``: the counts of tries, by caller and account. Each function is one SQL statement.

What the columns mean, and what follows from them, is decided in ``guessing.rules``; here they are only stored. A key is
a keyed hash of what is counted. The database's clock decides, so that all replicas agree. What a successful sign-in
writes here is in ``new_sessions``.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth_service.guessing.rules import KEPT_FOR, KNOWN_FOR, Count
from shared.postgres.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to sign in that was let in, pending in the counts of the keys ``counted`` until its outcome is known.

    ``known`` is the key of the account together with the address, ``address`` that of the address alone. It is familiar
    if the account was signed in to before by that browser, or from that address.
    """

    counted: tuple[bytes, ...]
    known: bytes
    address: bytes
    is_familiar: bool = False


async def update_first_try(connection: Connection, key: bytes, known_from: dt.datetime | None) -> bool:
    """Count a try from an address known to the account, if none was counted since the last success; tell whether.

    An address is known if the account was signed in to from there at ``known_from`` or later.
    """
    done: str = await connection.execute(
        """
        UPDATE attempts SET pending = 1, last_at = clock_timestamp(), is_refusal_noted = false,
            forget_at = greatest(now() + $2, forget_at)
        WHERE key = $1 AND is_known AND forget_at >= $3::timestamptz + $4::interval
            AND recent = 0 AND in_a_row = 0 AND pending = 0
        """,
        key,
        KEPT_FOR,
        known_from,
        KNOWN_FOR,
    )
    return done == "UPDATE 1"


async def insert_first_try(connection: Connection, key: bytes) -> bool:
    """Count a try, if none was counted since the last success, or ever; tell whether."""
    done: str = await connection.execute(
        """
        INSERT INTO attempts (key, pending, last_at, forget_at) VALUES ($1, 1, clock_timestamp(), now() + $2)
        ON CONFLICT (key) DO UPDATE SET pending = 1, last_at = excluded.last_at, is_refusal_noted = false,
            forget_at = excluded.forget_at
        WHERE attempts.recent = 0 AND attempts.in_a_row = 0 AND attempts.pending = 0
        """,
        key,
        KEPT_FOR,
    )
    return done == "INSERT 0 1"


async def list_counts(
    connection: Connection, keys: Sequence[bytes], known_from: dt.datetime | None = None
) -> dict[bytes, Count]:
    """Return those of the counts that exist, without a lock: somebody may be changing them.

    An address counts as known if its last sign-in was at ``known_from`` or later.
    """
    rows = await connection.fetch(
        # An array behind a subquery: the planner can't see how long it is, and so plans once.
        """
        SELECT key, recent, in_a_row, last_at, since, is_refusal_noted, pending, clock_timestamp() AS now,
            is_known AND forget_at >= coalesce($2::timestamptz + $3::interval, 'infinity') AS is_known
        FROM attempts WHERE key = ANY((SELECT $1::bytea[])::bytea[])
        """,
        keys,
        known_from,
        KNOWN_FOR,
    )
    return {row["key"]: _read_count(row) for row in rows}


async def insert_and_lock_counts(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Count]:
    """Return the counts, created where missing, which nobody else can change before the transaction ends.

    They are locked in the order of their keys, as everywhere.
    """
    rows = await connection.fetch(
        """
        INSERT INTO attempts (key) SELECT key FROM unnest((SELECT $1::bytea[])) AS key ORDER BY key
        ON CONFLICT (key) DO UPDATE SET key = excluded.key
        RETURNING key, recent, in_a_row, last_at, since, is_known, is_refusal_noted, pending, clock_timestamp() AS now
        """,
        keys,
    )
    return {row["key"]: _read_count(row) for row in rows}


async def update_counts(connection: Connection, counts: Mapping[bytes, Count]) -> None:
    """Store counts that are locked."""
    stored = counts.values()
    await connection.execute(
        """
        UPDATE attempts SET recent = new.recent, in_a_row = new.in_a_row, last_at = new.last_at, since = new.since,
            is_refusal_noted = new.is_refusal_noted, pending = new.pending,
            forget_at = greatest(now() + $8, CASE WHEN attempts.is_known THEN forget_at END)
        FROM unnest(
            (SELECT $1::bytea[]), (SELECT $2::int[]), (SELECT $3::int[]), (SELECT $4::timestamptz[]),
            (SELECT $5::timestamptz[]), (SELECT $6::boolean[]), (SELECT $7::int[])
        ) AS new (key, recent, in_a_row, last_at, since, is_refusal_noted, pending)
        WHERE attempts.key = new.key
        """,
        list(counts),
        [count.recent for count in stored],
        [count.in_a_row for count in stored],
        [count.last_at for count in stored],
        [count.since for count in stored],
        [count.is_refusal_noted for count in stored],
        [count.pending for count in stored],
        KEPT_FOR,
    )


async def insert_known(connection: Connection, known: bytes, others: Sequence[bytes]) -> None:
    """End the runs of failures in some counts, and note that the account of the first is known at its address.

    From now on, by the clock that dates passwords. Tries that are pending stay so.
    """
    await connection.execute(
        """
        INSERT INTO attempts (key, is_known, forget_at)
        SELECT key, key = $2, clock_timestamp() + CASE WHEN key = $2 THEN $3::interval ELSE $4::interval END
        FROM unnest((SELECT $1::bytea[])) AS key ORDER BY key
        ON CONFLICT (key) DO UPDATE SET recent = 0, in_a_row = 0,
            is_known = attempts.is_known OR excluded.is_known,
            forget_at = CASE WHEN excluded.is_known THEN excluded.forget_at ELSE attempts.forget_at END
        """,
        [known, *others],
        known,
        KNOWN_FOR,
        KEPT_FOR,
    )


async def update_forgiven(connection: Connection, keys: Sequence[bytes]) -> int:
    """End the runs of failures, and what was used up, in those of some counts that exist; return how many they are.

    An address that is known stays so.
    """
    done: str = await connection.execute(
        """
        UPDATE attempts SET recent = 0, in_a_row = 0, pending = 0, is_refusal_noted = false, since = now()
        WHERE key = ANY($1::bytea[]) AND (recent > 0 OR in_a_row > 0 OR pending > 0 OR since > now())
        """,
        keys,
    )
    return int(done.removeprefix("UPDATE "))


async def update_refusal_noted(connection: Connection, key: bytes) -> bool:
    """Note a refusal; False when one was already noted since the last counted try."""
    noted = await connection.fetchval(
        "UPDATE attempts SET is_refusal_noted = true WHERE key = $1 AND NOT is_refusal_noted RETURNING true", key
    )
    return bool(noted)


async def delete_forgotten(connection: Connection, limit: int) -> int:
    """Delete some counts that no longer matter, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM attempts WHERE key = ANY(ARRAY(
            SELECT key FROM attempts WHERE forget_at < now() ORDER BY forget_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        limit,
    )
    return len(rows)


def _read_count(row: Row) -> Count:
    times = (row["now"], row["last_at"], row["since"])
    counted = (row["recent"], row["in_a_row"], row["is_refusal_noted"], row["is_known"], row["pending"])
    return Count(*times, *counted)
