"""The table ``epochs`` of each service: since when the data has not gone back in time. One SQL statement a function.

An epoch is a stretch of time in which the database was not put back to an earlier state. Its row says where the data
was, because a restored backup is somewhere else:

==================================  ==============================================================================
what differs                        what happened
==================================  ==============================================================================
server, database or table           a dump was restored, into a new place or over the old one; data was moved
the sequence is below ``ids_from``  the same, while the service ran
the transaction that wrote the row  rows were put back, in the same tables
timeline                            a standby took over, which may have lost nothing; or a point-in-time recovery
the table's file                    TRUNCATE, perhaps before a restore of the data alone; or VACUUM FULL
silence before the server started   a copy of the files was put back; or everything was switched off for a while
the server was started              a copy of the files was put back a moment after it was made; or nothing at all
==================================  ==============================================================================

The first three are a *loss*. The others may be one: a new epoch begins, so that whoever has read past the end of the
last one shows the loss, however many numbers were given since (``auth_service/verifiers/followers.py``). Ids skip ahead
as after a loss, but for a mere start of the server: they go on, unless a service that ran meanwhile has seen higher
ones.

Whatever rewrites the table (``ALTER TABLE epochs ADD COLUMN ... DEFAULT random()``) looks like rows that were put back.
So a migration that alters it ends with ``UPDATE epochs SET seen_at = seen_at``: a trigger notes its transaction.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from shared.errors import Unavailable
from shared.postgres.database import Connection

SILENCE = dt.timedelta(minutes=2)
"""A server that was away for longer may have been restored from a copy of its files: ids skip ahead."""
SEEN_EVERY = dt.timedelta(seconds=10)
"""How exactly it is known since when it was away."""

_END_OF_TIME = 253_402_300_799  # the last second of the year 9999, beyond which there is no datetime
_TURN = 4_709_204  # any number, the same in every replica


class DataMoved(Unavailable):
    """No id can be given out: the data is not where it was. ``EpochWatch.write`` looks into it, and tries again."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The current epoch. Sessions and tokens from before ``lost_at``, which is a full second, no longer count."""

    number: int
    id: uuid.UUID
    lost_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Sight:
    """The outcome of a look at the database: the epoch, whether the data is in place, whether to note that again.

    ``last_id`` is the last that was given out.
    """

    number: int
    is_in_place: bool
    is_to_be_noted: bool
    last_id: int


@dataclass(frozen=True, slots=True)
class Move:
    """How the location of the data differs from the last epoch's."""

    is_loss: bool
    may_be_loss: bool
    ids_from: int


def get_beginning(epoch_id: uuid.UUID) -> dt.datetime | None:
    """Return when an epoch began, as its id says; None for an id of the release before, which doesn't say it."""
    if epoch_id.version != 7:  # noqa: PLR2004 - RFC 9562, 5.7: milliseconds since 1970, in the first 48 bits
        return None
    return dt.datetime.fromtimestamp(min((epoch_id.int >> 80) / 1000, _END_OF_TIME), dt.UTC)


async def find_epoch(connection: Connection) -> Epoch | None:
    """Return the current epoch; None where there are no rows."""
    row = await connection.fetchrow(
        """
        SELECT number, id, (SELECT max(began_at) FROM epochs WHERE is_loss) AS lost_at
        FROM epochs ORDER BY number DESC LIMIT 1
        """
    )
    return Epoch(**row) if row else None


async def find_sight(connection: Connection, guarded: str) -> Sight | None:
    """Return whether the data of a table is in place; None where no epoch says where that is."""
    row = await connection.fetchrow(
        """
        SELECT number, is_data_in_place($1) AS is_in_place,
            clock_timestamp() - seen_at > $2::interval AS is_to_be_noted,
            coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) AS last_id
        FROM epochs ORDER BY number DESC LIMIT 1
        """,
        guarded,
        SEEN_EVERY,
    )
    return Sight(**row) if row else None


async def lock_epochs(connection: Connection) -> None:
    """Let no other replica begin an epoch until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _TURN)


async def find_move(connection: Connection, guarded: str) -> Move | None:
    """Return how the location differs, and from where the last epoch's ids were; None while that can't be told."""
    row = await connection.fetchrow(
        """
        SELECT system_id <> (SELECT system_identifier FROM pg_control_system())
                OR database_id <> (SELECT oid FROM pg_database WHERE datname = current_database())
                OR table_id <> to_regclass($1)
                OR ids_from > coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)
                OR epochs.xmin <> written_in
                AS is_loss,
            timeline <> left(pg_walfile_name(pg_current_wal_lsn()), 8)
                OR file_node <> coalesce(pg_relation_filenode(to_regclass($1)), 0)
                OR (server_started_at <> pg_postmaster_start_time() AND clock_timestamp() - seen_at > $2::interval)
                AS may_be_loss,
            ids_from
        FROM epochs WHERE NOT pg_is_in_recovery() ORDER BY number DESC LIMIT 1
        """,
        guarded,
        SILENCE,
    )
    return Move(**row) if row else None


async def update_ids(connection: Connection, guarded: str, beyond: int) -> int:
    """Let a table's ids continue beyond all that may have been given out; return the first of them.

    That is the time in milliseconds since 1970, or a million beyond what the table, its sequence and the caller know.
    The time, because a backup may be restored twice: ids given out after the first restore are lost as well.
    """
    ids_from: int = await connection.fetchval(
        """
        SELECT setval(sequence, greatest(
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
            1000000 + coalesce(pg_sequence_last_value(sequence), 0), 1000000 + $2::bigint
        ))
        FROM (SELECT pg_get_serial_sequence($1, 'id')::regclass AS sequence) AS of_the_table
        """,
        guarded,
        beyond,
    )
    return ids_from


async def wait_for_full_second(connection: Connection) -> None:
    """Return when the current second is over: the times in tokens have no fractions."""
    await connection.execute("SELECT pg_sleep_until(date_trunc('second', clock_timestamp()) + interval '1 second')")


async def insert_epoch(
    connection: Connection, guarded: str, ids_from: int, *, is_loss: bool, told_by: uuid.UUID | None
) -> Epoch:
    """Begin an epoch with the current second, at the present location of the data, and return it."""
    row = await connection.fetchrow(
        """
        INSERT INTO epochs (number, began_at, is_loss, told_by, ids_from, server_started_at, system_id, timeline,
            database_id, table_id, file_node)
        SELECT coalesce((SELECT max(number) FROM epochs), 0) + 1, date_trunc('second', clock_timestamp()), $2, $3, $4,
            pg_postmaster_start_time(), (SELECT system_identifier FROM pg_control_system()),
            left(pg_walfile_name(pg_current_wal_lsn()), 8),
            (SELECT oid FROM pg_database WHERE datname = current_database()),
            to_regclass($1), coalesce(pg_relation_filenode(to_regclass($1)), 0)
        RETURNING number, id, began_at
        """,
        guarded,
        is_loss,
        told_by,
        ids_from,
    )
    assert row is not None
    return Epoch(row["number"], row["id"], row["began_at"] if is_loss else None)


async def update_seen(connection: Connection) -> None:
    """Note that the data is in place."""
    await connection.execute(
        "UPDATE epochs SET seen_at = clock_timestamp() WHERE number = (SELECT max(number) FROM epochs)"
    )
