"""What a provider publishes about itself, kept here: its metadata and its keys.

1. It is fetched when it is first wanted, and anew once it is older than ``FRESH_FOR``.
2. One fetch at a time, which all who wait share, and which goes on when they give up.
3. Whatever comes of it, the next one is at least ``PAUSE`` seconds later; ``FIRST_PAUSE`` while there is nothing yet.
4. A fetch that fails evicts nothing: what was kept is good for ``KEPT_FOR``.
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

    async def read(self) -> T:
        """Return the document, at most ``FRESH_FOR`` old unless it can't be fetched; ProviderFailed."""
        if self._value is None or self._clock() >= self._fetched_at + FRESH_FOR:
            await self._renew()
        return self._get()

    async def read_newer(self) -> T:
        """Return the document, fetched anew unless that was tried a moment ago; ProviderFailed."""
        await self._renew()
        return self._get()

    async def stop(self) -> None:
        """End a fetch that is running."""
        await end_task(self._running)

    async def _renew(self) -> None:
        if self._running is None:
            pause = FIRST_PAUSE if self._value is None else PAUSE
            if self._clock() < self._tried_at + pause:
                return
            self._running = asyncio.create_task(self._run())
        await asyncio.shield(self._running)

    async def _run(self) -> None:
        self._tried_at = self._clock()
        try:
            self._value = await self._fetch()
            self._fetched_at = self._clock()
        except ProviderFailed as failure:
            self._failure = failure
        finally:
            self._running = None

    def _get(self) -> T:
        if self._value is None or self._clock() >= self._fetched_at + KEPT_FOR:
            raise ProviderFailed(self._failure.reason)
        return self._value
