"""Whether two services have the same settings, without telling them: each is hashed with a nonce. Pure.

A secret is the key of its hash (HMAC-SHA256, RFC 2104), so that nobody learns from it more than whether it is the same.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum

Values = Mapping[str, Sequence[str]]
"""By the name of a setting: the value in use, then those that are still good."""


class Likeness(StrEnum):
    """How the value of another service is here."""

    SAME = "same"
    PREVIOUS = "previous"
    OTHER = "other"
    UNKNOWN = "unknown"  # there is no such setting here


def hash_settings(values: Values, nonce: str) -> dict[str, str]:
    """Return the hash of each value in use."""
    return {name: _hash(name, each[0], nonce) for name, each in values.items() if each}


def compare_settings(ours: Values, hashes: Mapping[str, str], nonce: str) -> dict[str, str]:
    """Return how each setting of another service, hashed with a nonce, is here."""
    return {name: _compare(name, ours.get(name, ()), told, nonce).value for name, told in hashes.items()}


def _compare(name: str, ours: Sequence[str], told: str, nonce: str) -> Likeness:
    if not ours:
        return Likeness.UNKNOWN
    same = [hmac.compare_digest(_hash(name, each, nonce), told) for each in ours]
    return Likeness.SAME if same[0] else Likeness.PREVIOUS if any(same) else Likeness.OTHER


def _hash(name: str, value: str, nonce: str) -> str:
    return hmac.new(value.encode(), f"doctor\0{name}\0{nonce}".encode(), hashlib.sha256).hexdigest()
