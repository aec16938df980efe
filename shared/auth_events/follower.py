"""Following a feed: the numbered events of another service, read by long polling, page by page.

    GET <path>?after=<n>&wait=<s>&epoch=<uuid>  ->  {..., "last": <the number to ask after next>, "epoch": <uuid>}

1. Each page is taken at least once and in order. The consumer keeps the position, together with what it took.
2. A feed that is cut (no answer, nonsense, or a page that could not be taken) is retried after a pause that grows up to
   two seconds. What is known stays, and the service goes on. How much a bad entry may spoil: ``event_pages``. The cut
   is logged as one warning, and its end as one line. While the other service is not up yet, as when both start
   together, that is DEBUG for ``QUIET_START`` seconds.
3. A ``last`` below the requested ``after`` means that the other service's database was restored to an earlier state.
   The consumer starts over. The other service detects this by the epoch in which the consumer last read, which it sends
   with each page; a release without epochs detects it by the number alone.
4. Until the follower has caught up, its requests do not wait, so that a starting service soon knows the past events,
   and one that reads anew soon finds the end: a request that waits is answered with whatever comes next.
5. ``/readyz`` (in a remark, never 503) and the metrics show how long ago the feed last responded.
"""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError

from shared.auth_events.contract import EventsQuestion, PageEnd
from shared.auth_events.event_pages import EntryRefused, name_faults
from shared.errors import Unavailable
from shared.observing.metrics import Metrics
from shared.process.background import end_task
from shared.timing import FOLLOWER_TIMEOUT, FOLLOWER_WAIT
from shared.web.service_calls import BadStatus, ServiceClient

SILENCE = 15.0  # seconds without a page, after which the feed counts as late
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 2.0
START_TIMEOUT = 3.0
QUIET_START = 10.0
SHORTEST_ROUND = 0.2  # seconds from one request to the next when there was nothing new

log = structlog.get_logger("feed")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a feed was read: the number to continue after, and the epoch of the database that it came from.

    ``known`` is the highest id that the feed ever named, where that means something. ``is_anew``: the feed is being
    read again from its beginning.
    """

    after: int = 0
    epoch: str | None = None
    known: int | None = None
    is_anew: bool = False


class Consumer(Protocol):
    """What takes the pages of a feed, and knows how far it has taken them."""

    async def get_position(self) -> Position:
        """Return how far the feed was read."""

    async def take(self, page: object, asked: Position) -> None:
        """Take a page, perhaps an empty one, that was requested at a position.

        Raises ValidationError, EntryRefused or AppError when that can't be done.
        """

    async def start_anew(self, page: object, asked: Position) -> None:
        """Go back to the beginning of the feed, as a page requested at a position demands."""


class Follower:
    """One feed of the service that ``client`` calls. ``start`` in the lifespan, ``stop`` at its end."""

    def __init__(self, name: str, path: str, client: ServiceClient, consumer: Consumer, metrics: Metrics) -> None:
        self.name = name
        self._path = path
        self._client = client
        self._consumer = consumer
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._is_told = False  # whether the cut was logged
        self._obstacle: str | None = None
        self._heard_at = time.monotonic()
        self._quiet_until = 0.0
        self._has_caught_up = asyncio.Event()
        metrics.watch_feed(name, self.get_lag)

    def start(self) -> None:
        """Begin to follow, in the background."""
        self._heard_at = time.monotonic()
        self._quiet_until = self._heard_at + QUIET_START
        self._task = asyncio.create_task(self._follow())

    async def wait_a_moment(self) -> None:
        """Return once all past events are known, or after a few seconds without."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_caught_up.wait(), START_TIMEOUT)

    async def stop(self) -> None:
        """Stop following."""
        await end_task(self._task)

    def get_lag(self) -> float:
        """Return how many seconds ago a page was last taken, an empty one too."""
        return time.monotonic() - self._heard_at

    def find_remark(self) -> str | None:
        """Return what ``/readyz`` should say of this feed, or None when all is well."""
        lag = self.get_lag()
        if not self._failures and lag < SILENCE:
            return None
        what = f"stopped {self._obstacle}" if self._obstacle else "cut" if self._failures else "late"
        return f"{what}: last heard of {lag:.0f} s ago"

    async def _follow(self) -> None:
        while True:
            started = time.monotonic()
            try:
                has_moved = await self._read_page()
            except Exception as error:  # noqa: BLE001 - whatever it is, following must go on
                self._note_failure(error)
                await asyncio.sleep(get_pause(self._failures))
                continue
            self._note_page()
            if not has_moved:
                self._has_caught_up.set()
                await asyncio.sleep(max(0.0, SHORTEST_ROUND - (time.monotonic() - started)))

    async def _read_page(self) -> bool:
        """Take one page; tell whether it brought anything."""
        asked = await self._consumer.get_position()
        wait = FOLLOWER_WAIT if self._has_caught_up.is_set() and not asked.is_anew else 0.0
        page = await self._client.get_json(self._path, _ask(asked, wait), timeout=FOLLOWER_TIMEOUT, is_told=False)
        last = PageEnd.model_validate(page).last
        if last < asked.after:
            log.warning("feed_went_back", feed=self.name, after=asked.after, last=last)
            await self._consumer.start_anew(page, asked)
        else:
            await self._consumer.take(page, asked)
        return last != asked.after

    def _note_failure(self, error: Exception) -> None:
        """Log the first failure in a row, and each that is a fault of ours."""
        self._failures += 1
        self._obstacle = str(error) if isinstance(error, EntryRefused) else None
        if not isinstance(error, Unavailable | ValidationError | EntryRefused):
            log.error("feed_not_taken", feed=self.name, exc_info=error)
        elif self._is_told or (isinstance(error, Unavailable) and time.monotonic() < self._quiet_until):
            return
        elif isinstance(error, EntryRefused):
            log.error("feed_stopped", feed=self.name, entry=error.entry_id, faults=error.faults)
        elif isinstance(error, ValidationError):
            log.error("feed_page_not_valid", feed=self.name, faults=name_faults(error))
        else:
            cause = error.__cause__ or error
            status = cause.status if isinstance(cause, BadStatus) else None
            log.warning("feed_cut", feed=self.name, error=type(cause).__name__, status=status)
        self._is_told = True

    def _note_page(self) -> None:
        if self._is_told:
            log.info("feed_resumed", feed=self.name, failures=self._failures)
        self._failures, self._obstacle, self._is_told = 0, None, False
        self._heard_at, self._quiet_until = time.monotonic(), 0.0


def _ask(asked: Position, wait: float) -> dict[str, str]:
    """Return the request for a page as the members of a query."""
    known = {"after": asked.after, "wait": wait, "epoch": asked.epoch, "known": asked.known}
    question = EventsQuestion.model_validate(known)
    return {name: str(value) for name, value in question.model_dump(exclude_none=True).items()}


def get_pause(failures: int) -> float:
    """Return how many seconds to wait after that many failures: exponential back-off with jitter."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, so that replicas don't all call at once; no secret
