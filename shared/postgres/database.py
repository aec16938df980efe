"""The door to PostgreSQL: a pool with timeouts, migrations at start, and retries while the database is away.

The process starts without its database and waits for it in the background; until then, and whenever it is gone,
``connection()`` raises Unavailable (503) and ``/readyz`` says so, even when there are no requests. Borrow late, return
early: never hold a connection across a password hash or an HTTP call.

Nothing is left behind in a session: what a statement sets ends with its transaction. So a connection is lent again
without asyncpg's reset, which would cost a round trip each time.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from pogo_core.error import BadMigrationError
from pogo_core.util import migrate, sql

from shared.errors import Unavailable
from shared.postgres.servers import PostgresServers
from shared.process.background import end_task, obey_cancellation
from shared.timing import ACQUIRE_TIMEOUT, COMMAND_TIMEOUT, LOCK_TIMEOUT, STATEMENT_TIMEOUT

Connection: TypeAlias = PoolConnectionProxy
Row: TypeAlias = asyncpg.Record

CONNECT_TIMEOUT = 3.0  # seconds
MIGRATION_TIMEOUT = 600.0  # for one command: an index of a big table takes its time, and half of one is of no use
RETRY_PAUSE = 0.5
START_TIMEOUT = 3.0
WATCH_PAUSE = 2.0
POOL_SIZE = 10

_SERVER_SETTINGS = {
    # Milliseconds. If the server cuts short the wait for a synchronous standby, that ends as a commit: by then, after
    # COMMAND_TIMEOUT, we must have answered that the outcome is unknown.
    "statement_timeout": f"{STATEMENT_TIMEOUT * 1000:.0f}",
    "lock_timeout": f"{LOCK_TIMEOUT * 1000:.0f}",
    "idle_in_transaction_session_timeout": "10000",
}
# Read-only (a demoted primary), shutting down, crashed, not accepting connections yet; asyncpg turns all of them into
# 08003 in the middle of a command. The pool's other connections are no better then.
_LOST_SERVER = {"25006", "57P01", "57P02", "57P03", "08003"}
# Temporary, and no bug of ours, by SQLSTATE: 08 connection lost, 40 rolled back (a deadlock), 53 out of resources,
# 57 operator intervention (including a statement's time-out); 55P03 a lock not granted in time. 28 not authorized,
# 3D no such database: the server is not, or not yet, what it was.
_PASSING = ("08", "25006", "28", "3D", "40", "53", "55P03", "57")
_NOT_THERE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_MIGRATION_LOCK = 4_709_201  # any number, the same in every replica

log = structlog.get_logger("database")


class MigrationFailed(Exception):
    """The schema could not be brought up to date; the text says why."""


class Database:
    """One service's database. ``start`` before use, ``stop`` at the end."""

    def __init__(
        self, url: str, migrations: Sequence[Path], service: str, server_settings: Mapping[str, str] | None = None
    ) -> None:
        """Take the folders of migrations, in order, none for a standby; ``server_settings`` join each session's own."""
        self._server_settings = {**_SERVER_SETTINGS, "application_name": service, **(server_settings or {})}
        self._servers = PostgresServers(url)
        self._migrations = migrations
        self._migrates = True
        self._has_announced = False  # that there are migrations to apply; once, however often that is tried
        self._pool: asyncpg.Pool | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._answered_at = 0.0
        self._is_lost = False

    async def start(self, *, migrates: bool = True) -> None:
        """Start to connect in the background, and bring the schema up to date unless told not to."""
        self._migrates = migrates
        self._connecting = asyncio.create_task(self._connect_patiently())
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Close the pool; wait for borrowed connections at most as long as a command may take."""
        for task in (self._watching, self._connecting):
            await end_task(task)
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), COMMAND_TIMEOUT)
            except TimeoutError:
                self._pool.terminate()

    async def wait_until_ready(self) -> None:
        """Return when the schema is in place and the pool is open."""
        assert self._connecting is not None
        await asyncio.shield(self._connecting)  # whoever stops waiting must not stop the connecting

    async def wait_a_moment(self) -> None:
        """Return when it is ready, or after a few seconds: if possible, a service listens only once it can serve."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait_until_ready(), START_TIMEOUT)

    async def migrate(self) -> None:
        """Bring the schema up to date, without opening the pool; raises MigrationFailed when that can't be done now."""
        assert self._migrations, "a standby has what its primary has"
        try:
            await self._migrate()
        except BadMigrationError as error:
            raise MigrationFailed(f"{error}: {error.__cause__}") from error
        except _NOT_THERE as error:
            raise MigrationFailed(f"the database can't be reached: {type(error).__name__}") from error

    async def list_pending(self) -> list[str]:
        """Return the names of the migrations that the schema lacks; nothing is changed. Raises Unavailable."""
        assert self._migrations, "a standby has what its primary has"
        async with self.connection() as connection:
            return await _list_pending(connection, self._migrations)

    def find_lack(self) -> str | None:
        """Return why the database can't be used, or None: a check for ``/readyz``."""
        if self._pool is None:
            return "not connected"
        return "lost" if self._is_lost else None

    def count_borrowed(self) -> int:
        """Return how many connections are lent right now."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool is not None else 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises Unavailable when there is none, or when it is lost meanwhile."""
        if self._pool is None:
            raise Unavailable
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection:
                yield connection
            self._answered_at, self._is_lost = time.monotonic(), False
        except asyncpg.PostgresError as error:
            obey_cancellation(error)
            await self._translate(error)
            raise
        except (TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            obey_cancellation(error)
            # InternalClientError: what asyncpg raises for the server's farewell, read on an idle connection.
            log.warning("database_failed", error=type(error).__name__)
            raise Unavailable from error

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection with a transaction that commits at the end and rolls back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def connect_apart(self) -> Connection:
        """Return a connection that is none of the pool's, for the caller to close; raises what asyncpg raises.

        For work in the background, which so takes nothing from those who wait for an answer.
        """
        return await self._servers.connect(
            timeout=CONNECT_TIMEOUT, command_timeout=COMMAND_TIMEOUT, server_settings=self._server_settings
        )

    async def _translate(self, error: asyncpg.PostgresError) -> None:
        """Raise Unavailable for an error that says that the server is away, busy or no longer the primary."""
        state = error.sqlstate or ""
        if state in _LOST_SERVER and self._pool is not None:
            await self._pool.expire_connections()
        if state.startswith(_PASSING):
            log.warning("database_failed", error=type(error).__name__)
            raise Unavailable from error

    async def _watch(self) -> None:
        """Query the server whenever nobody else has for a while."""
        await self.wait_until_ready()
        while True:
            await asyncio.sleep(WATCH_PAUSE)
            if time.monotonic() - self._answered_at > WATCH_PAUSE:
                try:
                    async with self.connection() as connection:
                        await connection.execute("SELECT 1")
                except Exception:  # noqa: BLE001 - whatever it is, the watch goes on
                    self._is_lost = True

    async def _connect_patiently(self) -> None:
        while True:
            try:
                await self._connect()
            except BadMigrationError as error:
                # Perhaps only the connection was lost: a replica must not stay without a database for that.
                log.error("migration_failed", migration=str(error), reason=str(error.__cause__))  # noqa: TRY400 - each try
            except _NOT_THERE as error:
                log.warning("database_not_there_yet", error=type(error).__name__)
            else:
                log.info("database_connected")
                return
            await asyncio.sleep(RETRY_PAUSE)

    async def _migrate(self) -> None:
        connection = await self._servers.connect(timeout=CONNECT_TIMEOUT, command_timeout=MIGRATION_TIMEOUT)
        try:
            # Replicas start together; the lock lets one migrate while the others wait. Closing releases it.
            await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
            await sql.ensure_pogo_sync(connection)
            pending = await _list_pending(connection, self._migrations)
            if pending and not self._has_announced:
                self._has_announced = True
                log.info("migration_begun", migrations=len(pending), last=pending[-1])
            for folder in self._migrations:
                await migrate.apply(connection, folder, schema_name="public")
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT)

    async def _connect(self) -> None:
        if self._migrations and self._migrates:
            await self._migrate()
        self._pool = await asyncpg.create_pool(
            connect=self._servers.connect,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            reset=_leave_session,
            server_settings=self._server_settings,
        )


async def _list_pending(connection: Connection | asyncpg.Connection, folders: Sequence[Path]) -> list[str]:
    known = None if await sql.get_pogo_version(connection) is None else connection
    found = [await sql.read_migrations(folder, known, schema_name="public") for folder in folders]
    return [name for each in found for name in sorted(migration.id for migration in each if not migration.applied)]


async def _leave_session(_: asyncpg.Connection) -> None:
    """Replace asyncpg's reset; a transaction that was still open has been rolled back before."""
