"""Keyed hashes: of one purpose, by each key, the one in use first."""

import hashlib
import hmac

from shared.tokens.keyed_hashes import KeyedHashes


def test_each_key_gives_a_hash() -> None:
    """A thing is stored by the key in use, the first, and found by previous keys."""
    hashes = KeyedHashes("mail", "new", ["old", "older"])
    wanted = tuple(hmac.digest(key, b"mail\0code\0x", hashlib.sha256) for key in (b"new", b"old", b"older"))
    assert hashes.hash("code", "x") == wanted
    assert KeyedHashes("mail", "old").hash("code", "x") == wanted[1:2]


def test_nothing_is_found_as_something_else() -> None:
    """The purpose and the bounds of the parts count."""
    hashes = KeyedHashes("a", "key")
    others = hashes.hash("bc"), hashes.hash("b", "c", ""), KeyedHashes("b", "key").hash("c")
    assert len({hashes.hash("b", "c"), *others}) == 4
