"""Keyed hashes of what is stored without being readable: HMAC-SHA256 (RFC 2104) by a secret that can be changed. Pure.

What is stored has the hash by the key in use, and is found by the hashes of previous keys too.
"""

import hashlib
import hmac
from collections.abc import Sequence

Macs = tuple[bytes, ...]
"""The keyed hashes of one thing: by the key in use, then by previous ones, by which it may have been stored."""


class KeyedHashes:
    """Hashes things of one ``purpose``, so that no hash of one purpose is found for another."""

    def __init__(self, purpose: str, key: str, previous: Sequence[str] = ()) -> None:
        self._purpose = purpose
        self._keys = [each.encode() for each in (key, *previous)]

    def hash(self, *parts: str) -> Macs:
        """Return the hashes of what consists of these parts, none of which has a NUL in it."""
        text = "\0".join((self._purpose, *parts)).encode()
        return tuple(hmac.digest(key, text, hashlib.sha256) for key in self._keys)
