"""Waiting for what comes soon but not at once: polled until it is so, or until a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2

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


async def ask_until_available(ask: Callable[[], Awaitable[httpx2.Response]], seconds: float = 60) -> httpx2.Response:
    """Return the first answer that is no 503, as clients do: after each they wait for as long as it says, or a second.

    Raises TimeoutError when none comes in time.
    """
    async with asyncio.timeout(seconds):
        while (answer := await ask()).status_code == 503:  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(int(answer.headers.get("retry-after", "1")))
    return answer
