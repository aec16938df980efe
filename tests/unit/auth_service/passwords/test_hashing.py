"""The pool that hashes passwords, and which passwords it accepts."""

import asyncio
import contextlib
import unicodedata
from typing import Literal

import argon2
import pytest
from prometheus_client import CollectorRegistry

from auth_service.passwords.hashing import LANES, MEMORY, PASSES, Passwords
from auth_service.passwords.rules import MAX_LENGTH, MIN_LENGTH, find_password_fault
from shared.errors import Unavailable

PASSWORD = "correct horse battery"
KOREAN = unicodedata.normalize("NFD", "\ube44\ubc00\ubc88\ud638 \ud558\ub098")


def pending(registry: CollectorRegistry) -> float | None:
    """Return how many hashes are running or waiting."""
    return registry.get_sample_value("gatepost_password_hashes_pending")


async def wait_until_idle(registry: CollectorRegistry) -> None:
    """Return when no hash is running or waiting."""
    async with asyncio.timeout(10):
        while pending(registry):  # noqa: ASYNC110 - the threads announce nothing
            await asyncio.sleep(0.005)


async def test_a_hash_matches_its_password_only() -> None:
    """A password matches its own hash; another, or the same hash for nobody, does not; no two hashes are equal."""
    passwords = Passwords(CollectorRegistry())
    stored = await passwords.hash(PASSWORD)
    assert stored != await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, stored)
    assert not await passwords.verify(PASSWORD + " ", stored)
    assert not await passwords.verify(PASSWORD, None)
    assert not passwords.needs_rehash(stored, PASSWORD)
    passwords.stop()


async def test_too_many_at_once_are_refused_at_once() -> None:
    """With one thread and two waiting slots, the fourth hash is refused, with ``Retry-After``; the others succeed."""
    registry = CollectorRegistry()
    passwords = Passwords(registry, threads=1, queue_per_thread=2)
    outcomes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(5)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert [error.retry_after for error in refused] == [2, 2]
    assert registry.get_sample_value("gatepost_password_hashes_shed_total") == 2
    await wait_until_idle(registry)
    assert await passwords.hash(PASSWORD)
    passwords.stop()


async def test_a_slot_belongs_to_the_work_and_not_to_the_request() -> None:
    """Cancelling a request frees its slot only when the hash has ended; work that never started frees it at once."""
    registry = CollectorRegistry()
    passwords = Passwords(registry, threads=1, queue_per_thread=1)
    slow = argon2.PasswordHasher(time_cost=8, memory_cost=131_072, parallelism=1).hash(PASSWORD)
    running = asyncio.create_task(passwords.verify(PASSWORD, slow))
    waiting = asyncio.create_task(passwords.verify(PASSWORD, slow))
    await asyncio.sleep(0.02)
    for task in (running, waiting):
        task.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert pending(registry) == 1
    await wait_until_idle(registry)
    assert pending(registry) == 0
    passwords.stop()


async def test_a_slot_is_had_from_the_first_step_until_the_hash_ended() -> None:
    """While the holder of the only slot prepares, the next is refused; after the holder's hash the slot is free."""
    registry = CollectorRegistry()
    passwords = Passwords(registry, threads=1, queue_per_thread=0)
    with passwords.take_slot("site", "account") as slot:
        with pytest.raises(Unavailable), passwords.take_slot("site", "account"):
            pytest.fail("there was no slot")
        with pytest.raises(Unavailable):
            await passwords.hash(PASSWORD)
        stored = await passwords.hash(PASSWORD, slot)
        await wait_until_idle(registry)
        assert await passwords.verify(PASSWORD, stored)
    assert pending(registry) == 0
    assert registry.get_sample_value("gatepost_password_hashes_shed_total") == 2
    passwords.stop()


async def test_a_slot_that_no_hash_was_begun_for_is_free_again() -> None:
    """Leaving without a hash, even by an error, frees the slot for the next."""
    registry = CollectorRegistry()
    passwords = Passwords(registry, threads=1, queue_per_thread=0)
    for _ in range(3):
        with contextlib.suppress(Unavailable), passwords.take_slot("site", "account"):
            assert pending(registry) == 1
            raise Unavailable
        assert pending(registry) == 0
    passwords.stop()


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [
        ("x" * (MIN_LENGTH - 1), False),
        ("x" * MIN_LENGTH, True),
        ("x" * MAX_LENGTH, True),
        ("x" * (MAX_LENGTH + 1), False),
        ("\u00e9" * 7, False),
        ("e\u0301" * 7, False),
        ("\u00e9" * 8, True),
        ("\u00e9" * 512 + "x", False),
        ("\U0001f600\U0001f680", False),
        ("\ube44\ubc00\ubc88", False),
        (" " * 8, True),
        ("ada lovelace", False),
        ("AdaLovelace", False),
        ("ADA@EXAMPLE.COM", False),
        ("example.com", False),
        ("GATEPOST", False),
        ("gatepost!", True),
    ],
)
def test_length_counts_and_obvious_guesses_are_refused(password: str, *, is_taken: bool) -> None:
    """8 characters to 1024 bytes are accepted, but not one's own name or e-mail address, nor the product's name."""
    fault = find_password_fault(password, name="Ada Lovelace", email="ada@example.com")
    assert (fault is None) is is_taken


def test_what_is_wrong_with_the_length_is_said_as_it_is_counted() -> None:
    """The minimum is counted in characters and the maximum in bytes of UTF-8, and the sentences say so."""
    too_short = find_password_fault("\u00e9\u00e9\u00e9", name="Ada", email="ada@example.com")
    too_long = find_password_fault("x" * 1025, name="Ada", email="ada@example.com")
    assert (too_short, too_long) == ("must be at least 8 characters", "must be at most 1024 bytes")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_both_spellings_of_a_password_match(form: Literal["NFC", "NFD"]) -> None:
    """A password set on a system that composes letters matches when typed on one that does not, and vice versa.

    An older hash, made from the text as typed, still matches the same text, and needs renewal; a newer one does not,
    however the password is typed.
    """
    passwords = Passwords(CollectorRegistry())
    typed = unicodedata.normalize(form, KOREAN)
    stored = await passwords.hash(typed)
    for other in ("NFC", "NFD"):
        spelling = await passwords.verify(unicodedata.normalize(other, KOREAN), stored)
        assert spelling is not None
        assert not passwords.needs_rehash(stored, spelling)
    assert not await passwords.verify(KOREAN + "\u0301", stored)
    as_typed = argon2.PasswordHasher(PASSES, MEMORY, LANES).hash(typed)
    spelling = await passwords.verify(typed, as_typed)
    assert spelling is not None
    assert passwords.needs_rehash(as_typed, spelling) is (form == "NFD")
    passwords.stop()


async def test_who_has_no_account_costs_as_many_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password costs one hash, and two if it was not typed in NFC, whether there is an account or not."""
    passwords, hashed = Passwords(CollectorRegistry()), []
    verify = argon2.PasswordHasher.verify
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *given: hashed.append(given[1]) or verify(*given))
    stored = await passwords.hash(PASSWORD)
    for typed, hashes in (("wrong", 1), (unicodedata.normalize("NFC", KOREAN), 1), (KOREAN, 2)):
        for known in (stored, None):
            hashed.clear()
            assert not await passwords.verify(typed, known)
            assert len(hashed) == hashes
    passwords.stop()
