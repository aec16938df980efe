"""What time it is at a database's server, next to ours."""

import time
from typing import Any

from shared.observing.clocks import Clocks
from shared.postgres.schema import AnyConnection

EVERY = 30.0  # seconds, however busy the database is


class ServerClock:
    """Compares the clock of a server with ours, once ``clocks`` are there to be told."""

    def __init__(self) -> None:
        self._clocks: Clocks | None = None
        self._name = ""
        self._asked_at = float("-inf")  # by the monotonic clock

    def compare_with(self, clocks: Clocks, name: str) -> None:
        """Tell ``clocks`` from now on, by the server's ``name``."""
        self._clocks, self._name = clocks, name

    @property
    def is_due(self) -> bool:
        """Whether it was not asked for a while."""
        return time.monotonic() - self._asked_at > EVERY

    async def ask(self, connection: AnyConnection) -> None:
        """Ask the server; raises what asyncpg raises."""
        self._asked_at, before = time.monotonic(), time.time()
        told: Any = await connection.fetchval("SELECT clock_timestamp()")
        if self._clocks is not None:
            now = told.timestamp()
            self._clocks.note(self._name, now - time.time(), now - before)
