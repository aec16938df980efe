"""Password hashes off the event loop. The only module that imports argon2.

A hash costs one core some 20 ms and 19 MiB (argon2id with the parameters of RFC 9106, section 4, as OWASP advises).
The laws:

1. There are as many threads as cores: more would only take more memory.
2. Slots are bounded, so that nobody waits much longer than a second. A request that needs a hash takes a slot before
   anything else is done for it, and keeps it until the hash has ended. With none free, it fails at once with 503.
3. Slots are shared fairly: an address may have them all while nobody else wants one, but when they run out, the address
   with most waiting gives one up (503) to an address that has fewer; likewise the accounts of one address.
4. Once a hash has started, its slot belongs to the thread's work: a client that disconnects does not free it early.
5. An unknown e-mail address costs the same hash, through the same queue, as a wrong password; two where the password
   was not typed in NFC (``rules.list_spellings``).
6. A stored hash with absurd parameters is never run (``stored_hashes``). One of another system, which somebody has
   imported, is verified in the same threads, through the same queue, and costs what it costs; ``needs_rehash`` says so.
7. An empty password is never right: other systems hashed one for users who had none.

Passwords and hashes are never logged.
"""

import collections
import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

import argon2
import structlog
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from prometheus_client import CollectorRegistry, Counter, Gauge

from auth_service.passwords.breached import BreachedPasswords
from auth_service.passwords.cores import count_cores
from auth_service.passwords.fair_queue import FairQueue, Owner
from auth_service.passwords.guessable import is_guessable
from auth_service.passwords.hash_threads import Dropped, HashThreads, Outcome
from auth_service.passwords.rules import list_spellings, normalise
from auth_service.passwords.stored_hashes import Argon2, HashRefused, StoredHash, read_stored_hash
from auth_service.settings import AuthSettings
from shared.errors import Unavailable

MEMORY = 19_456  # KiB
PASSES = 2
LANES = 1

QUEUE_PER_THREAD = 32  # slots for each thread, besides that of the hash that it runs
RETRY_AFTER = 2  # seconds

Key = TypeVar("Key", Owner, str)

log = structlog.get_logger("passwords")


@dataclass(eq=False, slots=True)
class Slot:
    """Room for one hash, from ``Passwords.take_slot``."""

    owner: Owner
    is_used: bool = False


class Passwords:
    """Hashes and verifies passwords in a bounded pool of threads. ``stop`` at the end."""

    def __init__(
        self,
        registry: CollectorRegistry,
        threads: int = 0,
        queue_per_thread: int = QUEUE_PER_THREAD,
        breached: BreachedPasswords | None = None,
    ) -> None:
        self._breached = breached
        threads = threads or count_cores()
        self._hasher = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID
        )
        self._nobodys_hash = Argon2(self._hasher.hash(secrets.token_urlsafe()))
        self._threads = HashThreads(threads)
        self._slots = threads * (1 + queue_per_thread)
        self._taken: collections.Counter[Owner] = collections.Counter()
        self._taken_by_site: collections.Counter[str] = collections.Counter()
        self._preparing: FairQueue[Slot] = FairQueue()  # slots whose hash has not been requested yet
        self._lock = threading.Lock()
        self._run_count = Counter("gatepost_password_hashes_total", "Password hashes asked for", registry=registry)
        self._shed_count = Counter("gatepost_password_hashes_shed_total", "Hashes refused: too many", registry=registry)
        gauge = Gauge(
            "gatepost_password_hashes_pending", "Password hashes that run, wait or are prepared", registry=registry
        )
        gauge.set_function(self._taken.total)

    @classmethod
    def build(cls, settings: AuthSettings, registry: CollectorRegistry) -> Self:
        """Return what hashes passwords, and refuses those in the operator's file."""
        file = settings.breached_passwords_file
        return cls(registry, breached=BreachedPasswords.open(file) if file else None)

    @contextlib.contextmanager
    def take_slot(self, site: str = "", account: str = "") -> Iterator[Slot]:
        """Yield a slot for one hash, freed when the hash ends, or with the block if none started; or Unavailable."""
        owner = Owner(site, account)
        with self._lock:
            is_full = self._taken.total() >= self._slots
        if is_full and not self._make_room(owner):
            raise self._shed()
        slot = Slot(owner)
        self._preparing.put(slot, owner)
        with self._lock:
            self._taken[owner] += 1
            self._taken_by_site[owner.site] += 1
        try:
            yield slot
        finally:
            if not slot.is_used and self._preparing.remove(slot, owner):
                self._leave_slot(owner)

    async def hash(self, password: str, slot: Slot | None = None) -> str:
        """Return a new hash of the password; Unavailable when it needs a slot of its own and there is none."""
        return await self._run(lambda: self._hasher.hash(normalise(password)), slot)

    async def hash_new(self, password: str, slot: Slot | None = None) -> str | None:
        """Return the same for a password that somebody chose; None when it is too easily guessed."""
        return await self._run(
            lambda: None if self._is_guessable(password) else self._hasher.hash(normalise(password)), slot
        )

    async def verify(self, password: str, stored: str | None, slot: Slot | None = None) -> str | None:
        """Return the password in the spelling that a stored hash matches; None when it does not match.

        None for the stored hash, of a user who does not exist, matches nothing and costs the same.
        """
        known = _read(stored) if stored is not None else None
        spelling = await self._run(lambda: self._find_match(known or self._nobodys_hash, password), slot)
        return spelling if known and password else None

    def needs_rehash(self, stored: str, spelling: str) -> bool:
        """Tell whether a hash is of another system, of another spelling, or made with other parameters than today's."""
        is_argon2 = isinstance(_read(stored), Argon2)
        return not is_argon2 or self._hasher.check_needs_rehash(stored) or normalise(spelling) != spelling

    def stop(self) -> None:
        """Let running hashes finish and drop those that wait."""
        self._threads.stop()

    def _is_guessable(self, password: str) -> bool:
        normal = normalise(password)
        is_breached = self._breached is not None and any(map(self._breached.has, list_spellings(password)))
        return is_breached or is_guessable(normal)

    def _find_match(self, stored: StoredHash, password: str) -> str | None:
        """Return the spelling that matches, or None; a password typed in NFC, as almost all are, costs one hash."""
        return next((spelling for spelling in list_spellings(password) if self._matches(stored, spelling)), None)

    def _matches(self, stored: StoredHash, password: str) -> bool:
        if not isinstance(stored, Argon2):
            return stored.matches(password.encode())
        try:
            return self._hasher.verify(stored.text, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            log.exception("stored_hash_unreadable")
            return False

    async def _run(self, work: Callable[[], Outcome], slot: Slot | None) -> Outcome:
        if slot is None:
            with self.take_slot() as own:
                return await self._run(work, own)
        assert not slot.is_used, "a slot is for one hash"
        slot.is_used, owner = True, slot.owner
        if not self._preparing.remove(slot, owner):
            raise self._shed()
        self._run_count.inc()
        try:
            return await self._threads.run(work, lambda: self._leave_slot(owner), owner)
        except Dropped:
            raise self._shed() from None

    def _make_room(self, newcomer: Owner) -> bool:
        """Drop a waiting hash, or a slot whose hash has not been requested yet, if that is fair; tell whether."""
        held, held_by_site = self._taken[newcomer], self._taken_by_site[newcomer.site]
        if self._threads.drop_for(newcomer, held, held_by_site):
            return True
        dropped = self._preparing.drop_for(newcomer, held, held_by_site)
        if dropped is not None:
            self._leave_slot(dropped.owner)
        return dropped is not None

    def _leave_slot(self, owner: Owner) -> None:
        with self._lock:
            _decrement(self._taken, owner)
            _decrement(self._taken_by_site, owner.site)

    def _shed(self) -> Unavailable:
        self._shed_count.inc()
        return Unavailable("Too many people are signing in right now. Try again", retry_after=RETRY_AFTER)


def _decrement(counts: collections.Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _read(stored: str) -> StoredHash | None:
    """Return a stored hash; None, and an error in the log, for one that must not be run."""
    try:
        return read_stored_hash(stored)
    except HashRefused as error:
        log.error("stored_hash_refused", reason=str(error))  # noqa: TRY400 - where it was read says nothing
        return None
