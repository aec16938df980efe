"""A database's schema next to what the code asks for: the door to pogo, which keeps the list of applied migrations."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from pogo_core.error import BadMigrationError
from pogo_core.util import migrate, sql

from shared.postgres.obstacles import DatabaseUnreachable
from shared.timing import MIGRATION_LOCK_TIMEOUT

AnyConnection: TypeAlias = asyncpg.Connection | PoolConnectionProxy

SCHEMA = "public"
MIGRATION_SETTINGS: dict[str, Any] = {
    "command_timeout": 600.0,  # seconds: an index of a big table takes its time, and half of one is of no use
    "server_settings": {
        "lock_timeout": f"{MIGRATION_LOCK_TIMEOUT * 1000:.0f}",
        "synchronous_commit": "local",  # with the standby away no COMMIT would end, and hold its tables meanwhile
    },
}
LOCK_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds after each try in which a lock was not granted
TURN = 4_709_201  # any number, the same in every replica
TURNS = 600  # tries to be the one who migrates, each as long as the connection's lock_timeout
_WAITS = (
    "{what}: a table that it changes is in use by a transaction that does not end. Nobody is kept waiting; it is tried"
    " again in {pause:g} s"
)
_IN_USE = (
    "a table that it changes stayed in use in {tries} tries. Find the transaction that holds it, a backup perhaps or a"
    ' forgotten psql ("How to look" in docs/operations.md), and end it'
)
_TURN_TAKEN = "another replica has been migrating for a long time; look at its log, or at pg_stat_activity"

log = structlog.get_logger("database")


class MigrationFailed(Exception):
    """A migration failed: which one, and why."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what, self.reason = what, reason


@dataclass(frozen=True, slots=True)
class Difference:
    """The names of migrations, in order: those that the schema lacks, and those that only a newer release knows."""

    lacking: Sequence[str]
    unknown: Sequence[str]


async def compare(connection: AnyConnection, folders: Sequence[Path]) -> Difference:
    """Return what sets the schema apart from the migrations in some folders. Nothing is changed."""
    is_listed = await sql.get_pogo_version(connection) is not None
    applied = await sql.get_applied_migrations(connection, schema_name=SCHEMA) if is_listed else set()
    ours = [name for folder in folders for name in sorted(path.stem for path in folder.glob("*.sql"))]
    return Difference([name for name in ours if name not in applied], sorted(applied.difference(ours)))


async def take_turn(connection: AnyConnection) -> None:
    """Wait until no other replica migrates; the turn is held until the connection is closed. DatabaseUnreachable."""
    for _ in range(TURNS):
        with contextlib.suppress(asyncpg.LockNotAvailableError):
            await connection.execute("SELECT pg_advisory_lock($1)", TURN)
            return
    raise DatabaseUnreachable(_TURN_TAKEN)


async def apply_migrations(connection: AnyConnection, folders: Sequence[Path]) -> None:
    """Apply what the schema lacks, each in a transaction of its own; raises MigrationFailed for the first that fails.

    The caller sees to it that nobody else migrates meanwhile, and that the connection has a ``lock_timeout``: whoever
    comes after a migration that waits for a lock waits with it. So it gives up its place, and tries again later.
    """
    for pause in (*LOCK_PAUSES, None):
        try:
            for folder in folders:
                await migrate.apply(connection, folder, schema_name=SCHEMA)
        except BadMigrationError as error:
            what = str(error)
            if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise MigrationFailed(what, str(error.__cause__)) from error
            if pause is None:
                raise MigrationFailed(what, _IN_USE.format(tries=len(LOCK_PAUSES) + 1)) from error
        else:
            return
        log.warning("migration_waits", migration=what, error=_WAITS.format(what=what, pause=pause))
        await asyncio.sleep(pause)
