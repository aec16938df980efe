"""People at work while containers are replaced: they read, write and sign in, and each request is counted."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from tests.support.people import PASSWORD, Person, sign_up_and_in

PAUSE = 0.02  # seconds between two requests of a client
TIMEOUT = 20.0


@dataclass(slots=True)
class Outcomes:
    """How many requests of each kind ended how, and how long the slowest took."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: float = 0.0
    written: set[int] = field(default_factory=set)

    @property
    def failed(self) -> dict[tuple[str, str], int]:
        """What was not answered as it should be, by kind and status or exception."""
        return {key: count for key, count in self.counts.items() if key[1] not in {"200", "201"}}

    @property
    def total(self) -> int:
        """How many requests were sent and have ended."""
        return self.counts.total()

    async def wait_for_more(self, count: int) -> None:
        """Return once so many further requests have ended."""
        wanted = self.total + count
        while self.total < wanted:  # noqa: ASYNC110 - a look now and then is enough
            await asyncio.sleep(PAUSE)

    def describe(self) -> str:
        """Return a line a person can read."""
        kinds = ", ".join(f"{kind} {outcome}: {count}" for (kind, outcome), count in sorted(self.counts.items()))
        return f"{self.total} requests, {sum(self.failed.values())} failed, slowest {self.slowest:.2f} s ({kinds})"


async def _send(outcomes: Outcomes, kind: str, request: httpx2.Request, client: httpx2.AsyncClient) -> object:
    begun = time.monotonic()
    try:
        answer = await client.send(request)
    except httpx2.HTTPError as error:
        outcomes.counts[kind, type(error).__name__] += 1
        return None
    finally:
        outcomes.slowest = max(outcomes.slowest, time.monotonic() - begun)
    outcomes.counts[kind, str(answer.status_code)] += 1
    return answer.json() if answer.status_code < 300 else None


async def _read(outcomes: Outcomes, url: str, person: Person) -> None:
    """Read by one connection that is kept alive."""
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        while True:
            request = client.build_request("GET", f"/api/user/{person.id}", headers=person.bearer)
            await _send(outcomes, "read", request, client)
            await asyncio.sleep(PAUSE)


async def _arrive(outcomes: Outcomes, url: str, person: Person) -> None:
    """Read by a new connection each time."""
    while True:
        async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
            request = client.build_request("GET", f"/api/user/{person.id}", headers=person.bearer)
            await _send(outcomes, "arrive", request, client)
        await asyncio.sleep(PAUSE)


async def _write(outcomes: Outcomes, url: str, person: Person) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        while True:
            post = {"title": "While it was upgraded", "content": "written", "published": True}
            request = client.build_request("POST", "/api/posts", json=post, headers=person.bearer)
            created = await _send(outcomes, "write", request, client)
            if isinstance(created, dict):
                outcomes.written.add(created["id"])
            await asyncio.sleep(5 * PAUSE)


async def _sign_in(outcomes: Outcomes, url: str, person: Person) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        while True:
            members = {"username": person.email, "password": PASSWORD}
            await _send(outcomes, "sign in", client.build_request("POST", "/api/login", json=members), client)
            await asyncio.sleep(10 * PAUSE)


@contextlib.asynccontextmanager
async def upgrade_traffic(url: str) -> AsyncIterator[Outcomes]:
    """Give the outcomes of what people do meanwhile."""
    outcomes = Outcomes()
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        author = await sign_up_and_in(client, "Grace Hopper")
        other = await sign_up_and_in(client, "Ada Lovelace")  # whose sessions are too many soon, so the oldest end
    works = [each(outcomes, url, author) for each in (_read, _arrive, _arrive, _write)]
    works.append(_sign_in(outcomes, url, other))
    senders = [asyncio.create_task(work) for work in works]
    try:
        yield outcomes
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
