"""Argon2 that computes nothing twice: few passwords are typed in tests, and each hash costs a core 50 ms.

What the services store and compare is what the library computed, with its usual parameters. Only the salts of a
password repeat, after ``SALTS`` of them.
"""

import collections
import contextlib
import functools
import itertools
from collections.abc import Iterator

import argon2
import pytest
from argon2.exceptions import VerifyMismatchError

SALTS = 3
MOST_REMEMBERED = 4096

_hash, _verify = argon2.PasswordHasher.hash, argon2.PasswordHasher.verify
_turns: collections.defaultdict[object, Iterator[int]] = collections.defaultdict(lambda: itertools.cycle(range(SALTS)))


@contextlib.contextmanager
def remembering_hashes() -> Iterator[None]:
    """Let the library remember what it computed in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2.PasswordHasher, "hash", _hash_password)
        patch.setattr(argon2.PasswordHasher, "verify", _verify_password)
        yield


def _hash_password(hasher: argon2.PasswordHasher, password: str) -> str:
    parameters = (hasher.time_cost, hasher.memory_cost, hasher.parallelism, hasher.type)
    return _hash_once(*parameters, password, next(_turns[parameters, password]))


def _verify_password(_: argon2.PasswordHasher, stored: str, password: str) -> bool:
    if not _verify_once(stored, password):
        raise VerifyMismatchError
    return True


@functools.lru_cache(MOST_REMEMBERED)
def _hash_once(passes: int, memory: int, lanes: int, kind: argon2.Type, password: str, turn: int) -> str:
    del turn  # another salt
    return _hash(argon2.PasswordHasher(passes, memory, lanes, type=kind), password)


@functools.lru_cache(MOST_REMEMBERED)
def _verify_once(stored: str, password: str) -> bool:
    try:
        return _verify(argon2.PasswordHasher(), stored, password)
    except VerifyMismatchError:
        return False
