"""Argon2 off the event loop. The only module that imports argon2.

A hash costs one core some 20 ms and 19 MiB (argon2id with the parameters of RFC 9106, section 4, as OWASP advises).
The laws:

1. There are as many threads as cores: more would only need more memory.
2. The queue before them is bounded, so that nobody waits much longer than a second; beyond it, 503 at once.
3. A place in the queue belongs to the thread's work: a client that goes away does not free it before the work ended.
4. An e-mail address that nobody has costs the same hash, through the same queue, as a wrong password.
5. A stored hash with absurd parameters is never run: whoever could write it must not choose what it costs us.

Passwords and hashes are never logged.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn, TypeVar

import argon2
import structlog
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from prometheus_client import CollectorRegistry, Counter, Gauge

from auth_service.cores import count_cores
from shared.errors import Unavailable

MEMORY = 19_456  # KiB
PASSES = 2
LANES = 1
MAX_STORED_MEMORY = 262_144  # KiB
MAX_STORED_PASSES = 10
MAX_STORED_LANES = 8
MAX_STORED_LENGTH = 512  # characters

QUEUE_PER_THREAD = 32  # hashes that may wait for one thread
RETRY_AFTER = 2  # seconds

Outcome = TypeVar("Outcome")

log = structlog.get_logger("passwords")


class Passwords:
    """Hashes and verifies passwords in a bounded pool of threads. ``stop`` at the end."""

    def __init__(self, registry: CollectorRegistry, threads: int = 0, queue_per_thread: int = QUEUE_PER_THREAD) -> None:
        threads = threads or count_cores()
        self._hasher = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID
        )
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._places = threads * (1 + queue_per_thread)
        self._taken = 0
        self._lock = threading.Lock()
        self._run_count = Counter("gatepost_password_hashes_total", "Password hashes asked for", registry=registry)
        self._shed_count = Counter("gatepost_password_hashes_shed_total", "Hashes refused: too many", registry=registry)
        gauge = Gauge("gatepost_password_hashes_pending", "Password hashes that run or wait", registry=registry)
        gauge.set_function(lambda: self._taken)

    def require_room(self) -> None:
        """Raise Unavailable when too many wait already: before anything else is done for one more."""
        if self._taken >= self._places:
            self._refuse()

    async def hash(self, password: str) -> str:
        """Return a new hash of the password; Unavailable when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password matches a stored hash; None stands for nobody's and costs the same."""
        if stored is not None and not is_sane(stored):
            log.error("stored_hash_refused")
            stored = None
        if stored is None:
            await self._run(lambda: self._matches(self._nobodys_hash, password))
            return False
        known = stored
        return await self._run(lambda: self._matches(known, password))

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a stored hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def stop(self) -> None:
        """Let what runs end and forget what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            log.exception("stored_hash_unreadable")
            return False

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        self._take_place()
        future = self._executor.submit(work)
        future.add_done_callback(self._leave_place)
        return await asyncio.wrap_future(future)

    def _take_place(self) -> None:
        with self._lock:
            if self._taken >= self._places:
                self._refuse()
            self._taken += 1
        self._run_count.inc()

    def _refuse(self) -> NoReturn:
        self._shed_count.inc()
        raise Unavailable("Too many people are signing in right now. Try again", retry_after=RETRY_AFTER)

    def _leave_place(self, _: Future[Outcome]) -> None:
        # Runs in the thread once its work is over, or where work that never began is cancelled: law 3.
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
