"""Timeouts that count against the other side only the time in which we listened.

A process that stood still, for garbage or on a busy machine, has not taken yet what came meanwhile. An ordinary timeout
would cancel who waits for it in the same turn of the event loop, before they are woken.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

MOMENT = 0.05  # seconds in which the event loop takes what has come meanwhile


@contextlib.asynccontextmanager
async def fair_timeout_at(ends: float) -> AsyncIterator[None]:
    """Raise TimeoutError at a time of the event loop; as much later as the loop comes late to it, and a moment."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        def expire() -> None:
            late = loop.time() - ends
            limit.reschedule(loop.time() + late + MOMENT)

        timer = loop.call_at(ends, expire)
        try:
            yield
        finally:
            timer.cancel()
