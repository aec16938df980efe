"""Following a feed: the numbered list of what happened in another service, read by long poll, page after page.

    GET <path>?after=<n>&wait=<s>  ->  {..., "last": <the number to ask after next>}

1. Each page is taken at least once and in order. How far it got is the follower's to keep, with what it took.
2. A feed that is cut (no answer, nonsense, or a page that could not be taken) is asked again after a pause that grows
   up to two seconds. What is known stays, and the service goes on.
3. ``last`` below what was asked after: the other service's database was put back to an earlier state. The follower
   starts anew.
4. Until it has caught up nothing is waited for at the other service, so that a service which starts knows soon what was
   told before.
5. It is told in ``/readyz`` (a remark, never 503) and in the metrics how long ago the feed was last heard of.
"""

import asyncio
import contextlib
import random
import time
from typing import Annotated, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Unavailable
from shared.metrics import Metrics
from shared.service_calls import ServiceClient

WAIT = 5  # seconds that the other service may keep a question open until it has an answer
PATIENCE = 3.0  # seconds beyond that in which it must have answered
SILENCE = 15.0  # seconds without a page taken after which the feed counts as late
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 2.0
START_PATIENCE = 3.0
SHORTEST_ROUND = 0.2  # seconds from one question to the next when nothing was told

log = structlog.get_logger("feed")


class Follower(Protocol):
    """Whoever follows a feed."""

    async def find_position(self) -> int:
        """Return the number to ask after: 0 at the beginning."""

    async def take(self, page: object, after: int) -> None:
        """Take a page that was asked for ``after``; raises ValidationError or AppError when that can't be done."""

    async def start_anew(self, after: int) -> None:
        """Go back from ``after`` to the beginning of the feed."""


class Place(BaseModel):
    """The part of every page that says where the next one begins."""

    model_config = ConfigDict(strict=True)

    last: Annotated[int, Field(ge=0)]


class Feed:
    """One feed of the service that ``client`` calls. ``start`` in the lifespan, ``stop`` at its end."""

    def __init__(self, name: str, path: str, client: ServiceClient, follower: Follower, metrics: Metrics) -> None:
        self.name = name
        self._path = path
        self._client = client
        self._follower = follower
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._heard_at = time.monotonic()
        self._has_caught_up = asyncio.Event()
        metrics.watch_feed(name, self.find_lag)

    def start(self) -> None:
        """Begin to follow, in the background."""
        self._heard_at = time.monotonic()
        self._task = asyncio.create_task(self._follow())

    async def wait_a_moment(self) -> None:
        """Return when all that was told so far is known, or after a few seconds without."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_caught_up.wait(), START_PATIENCE)

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def find_lag(self) -> float:
        """Return how many seconds ago a page was last taken, an empty one too."""
        return time.monotonic() - self._heard_at

    def find_remark(self) -> str | None:
        """Return what ``/readyz`` should say of this feed, or None when all is well."""
        lag = self.find_lag()
        if not self._failures and lag < SILENCE:
            return None
        return f"{'cut' if self._failures else 'late'}: last heard of {lag:.0f} s ago"

    async def _follow(self) -> None:
        while True:
            started = time.monotonic()
            try:
                has_moved = await self._read_page()
            except Exception as error:  # noqa: BLE001 - whatever it is, following must not end
                self._note_failure(error)
                await asyncio.sleep(find_pause(self._failures))
                continue
            self._note_page()
            if not has_moved:
                self._has_caught_up.set()
                await asyncio.sleep(max(0.0, SHORTEST_ROUND - (time.monotonic() - started)))

    async def _read_page(self) -> bool:
        """Take one page; tell whether it told of anything."""
        after = await self._follower.find_position()
        question = {"after": str(after), "wait": str(WAIT if self._has_caught_up.is_set() else 0)}
        page = await self._client.get_json(self._path, question, timeout=WAIT + PATIENCE)
        last = Place.model_validate(page).last
        if last < after:
            log.warning("feed_went_back", feed=self.name, after=after, last=last)
            await self._follower.start_anew(after)
        elif last > after:
            await self._follower.take(page, after)
        return last != after

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        if not isinstance(error, Unavailable | ValidationError):
            log.error("feed_not_taken", feed=self.name, exc_info=error)
        elif self._failures == 1:
            log.warning("feed_cut", feed=self.name, error=type(error).__name__)

    def _note_page(self) -> None:
        if self._failures:
            log.info("feed_resumed", feed=self.name, failures=self._failures)
        self._failures = 0
        self._heard_at = time.monotonic()


def find_pause(failures: int) -> float:
    """Return how many seconds to wait after that many failures: twice as long each time, and never in step."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - so that replicas don't all ask at once; no secret
