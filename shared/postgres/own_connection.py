"""A connection of its own for work in the background, which so takes none from the pool that requests need."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from shared.postgres.database import Connection, Database
from shared.process.background import end_task
from shared.timing import CLOSE_TIMEOUT


class OwnConnection:
    """A connection that is opened when it is first needed, and anew after a failure. ``hang_up`` at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend it, to one at a time, with a transaction; raises what asyncpg raises."""
        async with self._turn:
            try:
                if self._connection is None:
                    self._connection = await self._database.connect_apart()
                async with self._connection.transaction():
                    yield self._connection
            except BaseException:
                await self.hang_up()  # perhaps it is lost, or its server is no longer the primary
                raise

    async def hang_up(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # one that can't be closed is aborted
                await connection.close(timeout=CLOSE_TIMEOUT)

    async def end(self, task: asyncio.Task[None] | None) -> None:
        """End the task that works with it, as ``cancel`` does, and close it."""
        await self.cancel(task)
        await self.hang_up()

    async def cancel(self, *tasks: asyncio.Task[None] | None) -> None:
        """End tasks that work with it: what is under way is rolled back.

        A server that does not answer will do so when it can: else asyncpg waits for COMMAND_TIMEOUT, for which the end
        of a process has no time.
        """
        working = [task for task in tasks if task is not None]
        for task in working:
            task.cancel()
        if working:
            _, late = await asyncio.wait(working, timeout=CLOSE_TIMEOUT)
            if self._connection is not None and late:
                self._connection.terminate()
        for task in working:
            await end_task(task)
