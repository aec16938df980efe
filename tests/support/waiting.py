"""Waiting for what comes soon but not at once: polled until it is so, or until a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")


async def wait_until(
    ask: Callable[[], Awaitable[Answer]], holds: Callable[[Answer], bool], seconds: float = 60
) -> Answer:
    """Return the first answer for which something holds; raises TimeoutError when none comes in time."""
    async with asyncio.timeout(seconds):
        while not holds(answer := await ask()):  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)
    return answer


async def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; raises TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)
