"""Argon2 off the event loop. The only module that imports argon2.

A hash costs one core some 20 ms and 19 MiB (argon2id with the parameters of RFC 9106, section 4, as OWASP advises).
The laws:

1. There are as many threads as cores: more would only need more memory.
2. Places are bounded, so that nobody waits much longer than a second. Who needs a hash takes a place before anything
   else is done for them, and keeps it until the hash ended; who finds none is refused at once (503).
3. Once a hash was begun its place belongs to the thread's work: a client that goes away does not free it before.
4. An e-mail address that nobody has costs the same hash, through the same queue, as a wrong password.
5. A stored hash with absurd parameters is never run: whoever could write it must not choose what it costs us.

Passwords and hashes are never logged.
"""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import argon2
import structlog
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from prometheus_client import CollectorRegistry, Counter, Gauge

from auth_service.cores import count_cores
from auth_service.hash_threads import HashThreads, Outcome
from shared.errors import Unavailable

MEMORY = 19_456  # KiB
PASSES = 2
LANES = 1
MAX_STORED_MEMORY = 262_144  # KiB
MAX_STORED_PASSES = 10
MAX_STORED_LANES = 8
MAX_STORED_LENGTH = 512  # characters

QUEUE_PER_THREAD = 32  # places for each thread, beside that of the hash that it runs
RETRY_AFTER = 2  # seconds

log = structlog.get_logger("passwords")


@dataclass(slots=True)
class Place:
    """Room for one hash; of ``Passwords.take_place``."""

    is_used: bool = False


class Passwords:
    """Hashes and verifies passwords in a bounded pool of threads. ``stop`` at the end."""

    def __init__(self, registry: CollectorRegistry, threads: int = 0, queue_per_thread: int = QUEUE_PER_THREAD) -> None:
        threads = threads or count_cores()
        self._hasher = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID
        )
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())
        self._threads = HashThreads(threads)
        self._places = threads * (1 + queue_per_thread)
        self._taken = 0
        self._lock = threading.Lock()
        self._run_count = Counter("gatepost_password_hashes_total", "Password hashes asked for", registry=registry)
        self._shed_count = Counter("gatepost_password_hashes_shed_total", "Hashes refused: too many", registry=registry)
        gauge = Gauge(
            "gatepost_password_hashes_pending", "Password hashes that run, wait or are prepared", registry=registry
        )
        gauge.set_function(lambda: self._taken)

    @contextlib.contextmanager
    def take_place(self) -> Iterator[Place]:
        """Give a place for one hash, which ends with the hash, or with the block if none was begun; or Unavailable."""
        place = self._take_place()
        try:
            yield place
        finally:
            if not place.is_used:
                self._leave_place()

    async def hash(self, password: str, place: Place | None = None) -> str:
        """Return a new hash of the password; Unavailable when it needs a place of its own and there is none."""
        return await self._run(lambda: self._hasher.hash(password), place)

    async def verify(self, password: str, stored: str | None, place: Place | None = None) -> bool:
        """Tell whether the password matches a stored hash; None stands for nobody's and costs the same."""
        if stored is not None and not is_sane(stored):
            log.error("stored_hash_refused")
            stored = None
        if stored is None:
            await self._run(lambda: self._matches(self._nobodys_hash, password), place)
            return False
        known = stored
        return await self._run(lambda: self._matches(known, password), place)

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a stored hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def stop(self) -> None:
        """Let what runs end and forget what waits."""
        self._threads.stop()

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            log.exception("stored_hash_unreadable")
            return False

    async def _run(self, work: Callable[[], Outcome], place: Place | None) -> Outcome:
        place = place or self._take_place()
        assert not place.is_used, "a place is for one hash"
        place.is_used = True
        self._run_count.inc()
        return await self._threads.run(work, self._leave_place)

    def _take_place(self) -> Place:
        with self._lock:
            is_full = self._taken >= self._places
            self._taken += not is_full
        if is_full:
            self._shed_count.inc()
            raise Unavailable("Too many people are signing in right now. Try again", retry_after=RETRY_AFTER)
        return Place()

    def _leave_place(self) -> None:
        with self._lock:
            self._taken -= 1


def is_sane(stored: str) -> bool:
    """Tell whether a stored hash is argon2id and asks for no more than we are ready to spend."""
    if len(stored) > MAX_STORED_LENGTH:
        return False
    try:
        asked = argon2.extract_parameters(stored)
    except InvalidHashError:
        return False
    return (
        asked.type is argon2.Type.ID
        and asked.memory_cost <= MAX_STORED_MEMORY
        and asked.time_cost <= MAX_STORED_PASSES
        and asked.parallelism <= MAX_STORED_LANES
    )
