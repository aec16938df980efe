"""Follows the public keys of access tokens: reads what the auth service publishes, keeps it, and looks again.

1. It reads at the start, every five minutes, and when a token names a key that is not known: for that at most once in
   ``UNKNOWN_EVERY`` seconds, whoever makes up names. One request at a time, of at most 64 KiB, only to the configured
   address; a redirect is a failure.
2. What can't be read changes nothing: the last good keys stay, and the next try comes after a pause that grows up to
   two seconds. So does an answer that nothing is published any more. Where nothing has been published yet and there is
   a shared secret, that is no failure, but the beginning of the road from one to the other.
3. A request with a token of an unknown key waits for the reading under way (``settle``), so that the first one with a
   new key passes. No other request waits for anything.
4. While the keys can't be read, nobody can tell whether an unknown key is one of ours: its token is then answered by
   503, and by 401 only once the keys have been read without it. Without any key the service is not ready.
"""

import asyncio
import contextlib
import time

import structlog

from shared.auth_events.follower import QUIET_START, get_pause
from shared.errors import Unavailable
from shared.process.background import end_task
from shared.tokens.keys import PublishedKeys
from shared.tokens.public_keys import KEYS_PATH, LONGEST_SET, KeySetRefused, read_jwks
from shared.web.service_calls import BadStatus, ServiceClient

EVERY = 300.0  # seconds
NOTHING_YET_EVERY = 30.0  # where nothing has been published yet, and a shared secret will do
UNKNOWN_EVERY = 30.0
START_TIMEOUT = 3.0
NOT_FOUND = 404

log = structlog.get_logger("published_keys")


class KeyFollower:
    """Keeps ``keys`` as the service that ``client`` calls publishes them. ``start`` and ``stop`` it in the lifespan."""

    name = "published keys"

    def __init__(self, client: ServiceClient, keys: PublishedKeys) -> None:
        self._client = client
        self._keys = keys
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failures = 0
        self._is_told = False  # whether the failures were logged
        self._is_wanted = False  # an unknown key was named since the last reading began
        self._woken = asyncio.Event()
        self._has_begun = asyncio.Event()  # it has read once
        self._again_at = self._for_unknown_at = self._quiet_until = 0.0  # by the monotonic clock
        self._read_at: float | None = None
        keys.on_unknown = self._note_unknown

    def start(self) -> None:
        """Begin to follow, in the background."""
        self._quiet_until = time.monotonic() + QUIET_START
        self._task = asyncio.create_task(self._follow())

    async def wait_a_moment(self) -> None:
        """Return once the keys have been read, or after a few seconds without."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                await self._has_begun.wait()

    async def stop(self) -> None:
        """Stop following."""
        await end_task(self._task)
        await end_task(self._reading)

    @property
    def is_settled(self) -> bool:
        """Whether a token of an unknown key is certainly no good, without any reading more."""
        may_read = self._is_wanted and time.monotonic() >= self._for_unknown_at
        return not may_read and (self._reading is None or self._reading.done()) and self._is_certain

    async def settle(self) -> bool:
        """Return whether a token of an unknown key is certainly no good, after the reading that may tell."""
        if self._is_wanted and time.monotonic() >= self._for_unknown_at:
            self._begin()
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading])  # it has a timeout of its own, and others wait for it too
        return self._is_certain

    @property
    def _is_certain(self) -> bool:
        """Whether the keys were read, and the last reading did not fail."""
        return self._read_at is not None and not self._failures and self.find_lack() is None

    def find_lack(self) -> str | None:
        """Return None where there is any key, published or not, else what is missing."""
        return self._keys.find_lack()

    def find_remark(self) -> str | None:
        """Return what ``/readyz`` should say, or None when all is well."""
        if not self._failures:
            return None
        return "never read" if self._read_at is None else f"last read {time.monotonic() - self._read_at:.0f} s ago"

    def _note_unknown(self) -> None:
        if not self._is_wanted:
            self._is_wanted = True
            self._woken.set()

    async def _follow(self) -> None:
        while True:
            await asyncio.wait([self._begin()])
            while (left := self._get_due() - time.monotonic()) > 0:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._woken.wait()

    def _get_due(self) -> float:
        return min(self._again_at, self._for_unknown_at) if self._is_wanted else self._again_at

    def _begin(self) -> asyncio.Task[None]:
        """Return the reading under way, or a new one."""
        if self._reading is None or self._reading.done():
            if self._is_wanted:
                self._for_unknown_at = time.monotonic() + UNKNOWN_EVERY
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        was_wanted, self._is_wanted = self._is_wanted, False
        try:
            keys = read_jwks(await self._client.get_published(KEYS_PATH, LONGEST_SET))
        except Exception as error:  # noqa: BLE001 - whatever it is, following must go on
            if self._means_nothing_yet(error):
                self._note_reading(NOTHING_YET_EVERY)
            else:
                self._is_wanted = self._is_wanted or was_wanted
                self._note_failure(error)
            return
        known = self._keys.kids
        self._keys.replace(keys)
        if self._keys.kids != known:
            log.info("published_keys_changed", kids=self._keys.kids)
        self._note_reading(EVERY)

    def _means_nothing_yet(self, error: Exception) -> bool:
        """Tell whether nothing has been published yet, where that will do."""
        cause = error.__cause__
        is_absent = isinstance(cause, BadStatus) and cause.status == NOT_FOUND
        return is_absent and not self._keys.kids and self.find_lack() is None

    def _note_reading(self, again_in: float) -> None:
        if self._is_told:
            log.info("published_keys_read_again", failures=self._failures)
        self._failures, self._is_told = 0, False
        self._read_at = time.monotonic()
        self._again_at, self._quiet_until = self._read_at + again_in, 0.0
        self._has_begun.set()

    def _note_failure(self, error: Exception) -> None:
        """Log the first failure in a row, and each that is a fault of ours."""
        self._failures += 1
        self._again_at = time.monotonic() + get_pause(self._failures)
        self._woken.set()  # for it may have been meant to come much later
        if not isinstance(error, Unavailable | KeySetRefused):
            log.error("published_keys_not_read", exc_info=error)
        elif self._is_told or (isinstance(error, Unavailable) and time.monotonic() < self._quiet_until):
            return
        else:
            cause = error.__cause__ or error
            status = cause.status if isinstance(cause, BadStatus) else None
            log.warning("published_keys_not_read", reason=self._explain(error, cause, status), status=status)
        self._is_told = True

    def _explain(self, error: Exception, cause: BaseException, status: int | None) -> str:
        if status == NOT_FOUND and self._keys.find_lack() is not None:
            return "SECRET_KEY is not set, and the auth service publishes no keys"
        return str(error) if isinstance(error, KeySetRefused) else type(cause).__name__
