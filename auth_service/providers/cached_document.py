"""What a provider publishes about itself, kept here: its metadata and its keys.

1. It is fetched when it is first wanted, and anew once it is older than ``FRESH_FOR``. A fetch that fails evicts
   nothing: what was kept is good for ``KEPT_FOR``, and nobody waits while it is renewed.
2. One fetch at a time, which all who wait share, and which goes on when they give up. Only ``MOST_WAITING`` wait:
   anybody can ask, and while a provider hangs, each who waits holds one of the service's connections.
3. Whatever comes of a fetch, the next one begins at least ``PAUSE`` seconds after it ended; ``FIRST_PAUSE`` while there
   is nothing yet.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from auth_service.providers.http import ProviderFailed
from shared.process.background import end_task

FRESH_FOR = 3600.0  # seconds
KEPT_FOR = 86_400.0
PAUSE = 30.0
FIRST_PAUSE = 2.0
MOST_WAITING = 16

T = TypeVar("T")


class CachedDocument(Generic[T]):
    """A document that ``fetch`` reads; it raises ProviderFailed."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._fetched_at = self._tried_at = -float("inf")
        self._failure = ProviderFailed("never_asked")
        self._running: asyncio.Task[None] | None = None
        self._waiting = 0

    async def read(self) -> T:
        """Return the document, renewed in the background where it is no longer fresh; ProviderFailed."""
        age = self._clock() - self._fetched_at
        if age >= FRESH_FOR:
            self._begin()
        if age >= KEPT_FOR:
            await self._wait()
        return self._get()

    async def read_newer(self) -> T:
        """Return the document, fetched anew unless that was tried a moment ago; ProviderFailed."""
        self._begin()
        await self._wait()
        return self._get()

    async def stop(self) -> None:
        """End a fetch that is running."""
        await end_task(self._running)

    def _begin(self) -> None:
        """Begin a fetch, unless one is running or ended a moment ago."""
        pause = FIRST_PAUSE if self._value is None else PAUSE
        if self._running is None and self._clock() >= self._tried_at + pause:
            self._running = asyncio.create_task(self._run())

    async def _wait(self) -> None:
        """Wait for the fetch that is running, if one is."""
        if self._running is None:
            return
        if self._waiting >= MOST_WAITING:
            raise ProviderFailed("busy")
        self._waiting += 1
        try:
            await asyncio.shield(self._running)
        finally:
            self._waiting -= 1

    async def _run(self) -> None:
        try:
            self._value = await self._fetch()
            self._fetched_at = self._clock()
        except ProviderFailed as failure:
            self._failure = failure
        finally:
            self._tried_at = self._clock()
            self._running = None

    def _get(self) -> T:
        if self._value is None or self._clock() >= self._fetched_at + KEPT_FOR:
            raise ProviderFailed(self._failure.reason)
        return self._value
