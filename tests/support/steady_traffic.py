"""Requests that go on while something is changed: each client one after the other, and what failed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2

PAUSE = 0.01  # seconds between two requests of a client


@dataclass(slots=True)
class Traffic:
    """What is sent to each URL, by name; ``tokens`` are sent in turn and may be replaced at any time."""

    urls: Mapping[str, str]
    tokens: Sequence[str]
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def flow(self, seconds: float) -> None:
        """Let it go on for a while, and at least until each has had some answers more."""
        before = self.passed.copy()
        await asyncio.sleep(seconds)
        while not self.failed and any(self.passed[name] < before[name] + 10 for name in self.urls):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def send(self, name: str) -> None:
        """Send requests to one of them until cancelled."""
        sent = 0
        async with httpx2.AsyncClient(timeout=20) as client:
            while True:
                token = self.tokens[sent % len(self.tokens)]
                try:
                    answer = await client.get(self.urls[name], headers={"Authorization": f"Bearer {token}"})
                except httpx2.HTTPError as error:
                    self.failed[name, type(error).__name__] += 1
                else:
                    if answer.status_code == 200:
                        self.passed[name] += 1
                    else:
                        self.failed[name, str(answer.status_code)] += 1
                sent += 1
                await asyncio.sleep(PAUSE)


@contextlib.asynccontextmanager
async def steady_traffic(urls: Mapping[str, str], token: str) -> AsyncIterator[Traffic]:
    """Give traffic that goes on meanwhile."""
    traffic = Traffic(urls, [token])
    senders = [asyncio.create_task(traffic.send(name)) for name in urls]
    try:
        yield traffic
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
