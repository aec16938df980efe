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
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from shared.errors import Unavailable
from shared.postgres.archiving import ask_archiving
from shared.postgres.failures import LOST, LOST_SERVER, TIMEOUT, is_passing, is_replaced, name_failure
from shared.postgres.obstacles import DatabaseUnreachable
from shared.postgres.pool_settings import POOL_SIZE
from shared.postgres.pooled_connections import SilentlyClosed, give_back, leave_session
from shared.postgres.schema import MIGRATION_SETTINGS, Difference, MigrationFailed, apply_migrations, compare, take_turn
from shared.postgres.server_clock import ServerClock
from shared.postgres.servers import PostgresServers
from shared.postgres.start_log import StartLog
from shared.process.background import end_task, obey_cancellation
from shared.timing import ACQUIRE_TIMEOUT, COMMAND_TIMEOUT, LOCK_TIMEOUT, STATEMENT_TIMEOUT

Connection: TypeAlias = PoolConnectionProxy
Row: TypeAlias = asyncpg.Record

CONNECT_TIMEOUT = 3.0  # seconds
RETRY_PAUSE = 0.5
START_TIMEOUT = 3.0
WATCH_PAUSE = 2.0

_SERVER_SETTINGS = {
    # Milliseconds. If the server cuts short the wait for a synchronous standby, that ends as a commit: by then, after
    # COMMAND_TIMEOUT, we must have answered that the outcome is unknown.
    "statement_timeout": f"{STATEMENT_TIMEOUT * 1000:.0f}",
    "lock_timeout": f"{LOCK_TIMEOUT * 1000:.0f}",
    "idle_in_transaction_session_timeout": "10000",
}
NOT_THERE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = structlog.get_logger("database")


class Database:
    """One service's database. ``start`` before use, ``stop`` at the end."""

    def __init__(
        self,
        url: str,
        migrations: Sequence[Path],
        service: str,
        pool_size: int = POOL_SIZE,
        server_settings: Mapping[str, str] | None = None,
        setting: str = "DATABASE_URL",
    ) -> None:
        """Take the folders of migrations, in order, none for a standby; ``server_settings`` join each session's own.

        ``setting`` is where the URL comes from.
        """
        self.pool_size = pool_size
        self.failures: Counter[str] = Counter()  # since the start, by what ``name_failure`` calls them
        self._server_settings = {**_SERVER_SETTINGS, "application_name": service, **(server_settings or {})}
        self._servers = PostgresServers(url)
        self.start_log = StartLog(url, setting)
        self.clock = ServerClock()
        self.is_archiving_failing = False  # as of the last look, which is taken as often as at the clock
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
        """Bring the schema up to date, without opening the pool; raises DatabaseUnreachable, MigrationFailed."""
        assert self._migrations, "a standby has what its primary has"
        with self.start_log.explaining((*NOT_THERE, DatabaseUnreachable)):
            await self._migrate()

    async def compare_schema(self) -> Difference:
        """Return what sets the schema apart from the code, without changing anything or opening the pool.

        Raises DatabaseUnreachable when that can't be seen now.
        """
        assert self._migrations, "a standby has what its primary has"
        with self.start_log.explaining((*NOT_THERE, DatabaseUnreachable)):
            connection = await self._servers.connect(timeout=CONNECT_TIMEOUT, command_timeout=COMMAND_TIMEOUT)
            try:
                return await compare(connection, self._migrations)
            finally:
                await connection.close(timeout=CONNECT_TIMEOUT)

    def find_lack(self) -> str | None:
        """Return why the database can't be used, or None: a check for ``/readyz``."""
        if self._pool is None:
            return "not connected"
        return "lost" if self._is_lost else None

    def count_borrowed(self) -> int:
        """Return how many connections are lent right now."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool is not None else 0

    def count_open(self) -> int:
        """Return how many connections the pool has, lent or not."""
        return self._pool.get_size() if self._pool is not None else 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises Unavailable when there is none, or when it is lost meanwhile."""
        pool = self._pool
        if pool is None:
            raise Unavailable
        try:
            connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT)
            try:
                yield connection
            finally:
                await give_back(pool, connection)
            self._answered_at, self._is_lost = time.monotonic(), False
        except asyncpg.PostgresError as error:
            obey_cancellation(error)
            await self._translate(error)
            raise
        except (TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            obey_cancellation(error)
            # InternalClientError: what asyncpg raises for the server's farewell, read on an idle connection.
            self.failures[TIMEOUT if isinstance(error, TimeoutError) else LOST] += 1
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
        if self._pool is not None and (state in LOST_SERVER or is_replaced(state, str(error))):
            await self._pool.expire_connections()
        if is_passing(state, str(error)):
            self.failures[name_failure(state)] += 1
            log.warning("database_failed", error=type(error).__name__)
            raise Unavailable from error

    async def _watch(self) -> None:
        """Query the server whenever nobody else has for a while."""
        await self.wait_until_ready()
        while True:
            await asyncio.sleep(WATCH_PAUSE)
            if time.monotonic() - self._answered_at > WATCH_PAUSE or self.clock.is_due:
                try:
                    async with self.connection() as connection:
                        looks_closer = self.clock.is_due
                        await self.clock.ask(connection)
                        if looks_closer:
                            archiving = await ask_archiving(connection)
                            self.is_archiving_failing = archiving is not None and archiving.is_failing
                except Exception:  # noqa: BLE001 - whatever it is, the watch goes on
                    self._is_lost = True

    async def _connect_patiently(self) -> None:
        while True:
            try:
                await self._connect()
            except MigrationFailed as error:
                # Perhaps only the connection was lost: a replica must not stay without a database for that.
                self.start_log.tell_failed_migration(error)
            except (*NOT_THERE, DatabaseUnreachable) as error:
                self.start_log.tell_absence(error)
            else:
                self.start_log.note_connection()
                return
            await asyncio.sleep(RETRY_PAUSE)

    async def _migrate(self) -> None:
        connection = await self._servers.connect(timeout=CONNECT_TIMEOUT, **MIGRATION_SETTINGS)
        try:
            await take_turn(connection)  # closing gives it back
            lacking = (await compare(connection, self._migrations)).lacking
            if lacking and not self._has_announced:
                self._has_announced = True
                log.info("migration_begun", migrations=len(lacking), last=lacking[-1])
            await apply_migrations(connection, self._migrations)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT)

    async def _connect(self) -> None:
        if self._migrations and self._migrates:
            await self._migrate()
        self._pool = await asyncpg.create_pool(
            connect=self._servers.connect,
            min_size=1,
            max_size=self.pool_size,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            reset=leave_session,
            connection_class=SilentlyClosed,
            server_settings=self._server_settings,
        )
