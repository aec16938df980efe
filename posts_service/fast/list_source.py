"""Where lists are read: from a standby of the database if one is set and can be trusted, else from the primary.

1. A write that was acknowledged is visible to its author, wherever lists are read. So with a standby, a write is
   acknowledged once the standby has applied it (``synchronous_commit = remote_apply``), and a standby that the primary
   does not wait for (``synchronous_standby_names`` is empty) is not read at all.
2. A standby never makes things worse: a read that fails there is repeated at the primary, and the standby is left alone
   for a moment. While the primary is down its last reply stands: it takes no writes then.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import structlog

from shared.errors import Unavailable
from shared.fast.switch import FAST
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database

WRITE_SETTINGS = {"synchronous_commit": "remote_apply"}
"""What sessions at the primary need if a standby is read."""
BACK_OFF = 2.0  # seconds for which a standby that failed is left alone
CHECK_EVERY = 2.0  # seconds between checks whether the primary waits for it

Found = TypeVar("Found")
Asked = TypeVarTuple("Asked")

log = structlog.get_logger("list_source")


class ListSource:
    """Reads lists from ``standby``, if there is one, or from ``primary``."""

    def __init__(self, primary: Database, standby: Database | None, metrics: Metrics) -> None:
        self._primary = primary
        self._standby = standby if FAST.is_on else None
        self._is_waited_for = False
        self._checked_at = self._avoided_until = float("-inf")
        self._counter = metrics.register_list_queries()

    async def read(self, list_them: Callable[[Connection, *Asked], Awaitable[Found]], *asked: *Asked) -> Found:
        """Return the lists that a function of a table finds; raises Unavailable when no server can be reached."""
        if self._standby is not None and await self._may_use_standby():
            try:
                async with self._standby.connection() as connection:
                    found = await list_them(connection, *asked)
            except Exception as error:  # noqa: BLE001 - whatever is wrong there, the primary is read
                self._avoided_until = time.monotonic() + BACK_OFF
                log.warning("standby_failed", error=type(error).__name__)
            else:
                self._counter.labels("standby").inc()
                return found
        async with self._primary.connection() as connection:
            found = await list_them(connection, *asked)
        self._counter.labels("primary").inc()
        return found

    def find_remark(self) -> str | None:
        """Return why lists are read from the primary although a standby is set, or None: a remark for ``/readyz``."""
        if self._standby is None:
            return None
        lack = self._standby.find_lack()
        if lack is not None:
            return f"{lack}: lists are read at the primary"
        is_unsafe = self._checked_at > 0 and not self._is_waited_for
        return "the primary does not wait for it: lists are read at the primary" if is_unsafe else None

    async def _may_use_standby(self) -> bool:
        now = time.monotonic()
        assert self._standby is not None
        if now < self._avoided_until or self._standby.find_lack() is not None:
            return False
        if now - self._checked_at > CHECK_EVERY:
            await self._check()
        return self._is_waited_for

    async def _check(self) -> None:
        """Check whether the primary waits for a standby."""
        self._checked_at = time.monotonic()
        try:
            async with self._primary.connection() as connection:
                names = await connection.fetchval("SELECT current_setting('synchronous_standby_names')")
        except Unavailable:
            return
        self._is_waited_for = bool(names)
