"""Stored password hashes, ours and those of other systems: which forms are known, and what each may cost. Pure.

| form | written by | bounds |
|---|---|---|
| ``$argon2id$v=19$m=…,t=…,p=…$salt$hash`` (PHC), ``i``, ``d`` | us, node | 128 MiB, 10 passes, 8 lanes |
| ``$2a$``, ``$2b$``, ``$2y$`` (bcrypt) | node, PHP, Django | cost 14 |
| ``pbkdf2_sha256$rounds$salt$hash`` | Django | 2,000,000 rounds |
| ``scrypt$N$salt$r$p$hash`` | Django | 128 MiB, and 256 MiB with all p |
| ``$scrypt$ln=…,r=…,p=…$salt$hash`` (PHC) | passlib | the same |

1. A hash is read, and refused beyond its bounds, each time before it is run: whoever could write it must not choose
   what it costs us.
2. A digest has at least 16 bytes: a shorter one, or none, is matched by too many passwords.
3. bcrypt knows the first 72 bytes of a password only; the library refuses longer ones, so they are cut, as the systems
   did that such hashes come from. We hash nothing with it.

Argon2 is verified by ``hashing``, the others here. Nothing of a hash is ever part of a reason.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TypeAlias

import bcrypt

MAX_LENGTH = 512  # characters
MAX_MEMORY = 131_072  # KiB, for each thread
MAX_ARGON2_PASSES = 10
MAX_ARGON2_LANES = 8
MAX_BCRYPT_COST = 14
MAX_PBKDF2_ROUNDS = 2_000_000
MAX_SCRYPT_WORK = 262_144  # KiB that are written in all
MIN_DIGEST = 16  # bytes

BCRYPT_READS = 72  # bytes of a password

UNKNOWN = "is of a form that is not known here"

_NUMBER = r"(0|[1-9][0-9]{0,9})"
_TEXT = r"([^$\0]{1,128})"
_BASE64 = r"([A-Za-z0-9+/]+={0,2})"
_ARGON2 = re.compile(
    rf"\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}"
)
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_PBKDF2 = re.compile(rf"pbkdf2_sha256\${_NUMBER}\${_TEXT}\${_BASE64}")
_SCRYPT = re.compile(rf"scrypt\${_NUMBER}\${_TEXT}\${_NUMBER}\${_NUMBER}\${_BASE64}")
_SCRYPT_PHC = re.compile(rf"\$scrypt\$ln={_NUMBER},r={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}")
_LABELS = ("argon2", "bcrypt$")  # Django's


class HashRefused(ValueError):
    """A stored hash of an unknown form, or beyond its bounds; the text, which follows the member's name, says which."""


@dataclass(frozen=True, slots=True)
class Argon2:
    """A hash that the argon2 library verifies."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bcrypt:
    """A hash of bcrypt's."""

    text: str = field(repr=False)

    def matches(self, password: bytes) -> bool:
        """Tell whether it is of this password, as far as bcrypt reads."""
        return bcrypt.checkpw(password[:BCRYPT_READS], self.text.encode())


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """A hash by PBKDF2 with HMAC-SHA-256 (RFC 8018, section 5.2)."""

    rounds: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def matches(self, password: bytes) -> bool:
        """Tell whether it is of this password."""
        found = hashlib.pbkdf2_hmac("sha256", password, self.salt, self.rounds, len(self.digest))
        return hmac.compare_digest(found, self.digest)


@dataclass(frozen=True, slots=True)
class Scrypt:
    """A hash by scrypt (RFC 7914), with its parameters under their names there."""

    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def matches(self, password: bytes) -> bool:
        """Tell whether it is of this password."""
        memory = 2 * MAX_MEMORY * 1024  # the library counts somewhat more than we do
        found = hashlib.scrypt(
            password, salt=self.salt, n=self.n, r=self.r, p=self.p, maxmem=memory, dklen=len(self.digest)
        )
        return hmac.compare_digest(found, self.digest)


StoredHash: TypeAlias = Argon2 | Bcrypt | Pbkdf2 | Scrypt


def read_stored_hash(stored: str) -> StoredHash:
    """Return a stored hash as what verifies it; raises HashRefused."""
    if len(stored) > MAX_LENGTH:
        raise HashRefused(f"is longer than {MAX_LENGTH} characters")
    if found := _ARGON2.fullmatch(stored):
        memory, passes, lanes = map(int, found.groups()[:3])
        _check_argon2(memory, passes, lanes, _decode(found[4]), _decode(found[5]))
        return Argon2(stored)
    if found := _BCRYPT.fullmatch(stored):
        _check("cost of bcrypt", int(found[1]), 4, MAX_BCRYPT_COST)
        return Bcrypt(stored)
    if found := _PBKDF2.fullmatch(stored):
        return _read_pbkdf2(int(found[1]), found[2].encode(), _decode(found[3]))
    if found := _SCRYPT.fullmatch(stored):
        return _read_scrypt(int(found[1]), int(found[3]), int(found[4]), found[2].encode(), _decode(found[5]))
    if found := _SCRYPT_PHC.fullmatch(stored):
        _check("logarithm of scrypt's N", int(found[1]), 1, 20)
        return _read_scrypt(2 ** int(found[1]), int(found[2]), int(found[3]), _decode(found[4]), _decode(found[5]))
    raise HashRefused(UNKNOWN)


def strip_label(stored: str) -> str:
    """Return a hash without the label that Django puts before forms that say themselves what they are."""
    return next((stored.removeprefix(label) for label in _LABELS if stored.startswith(f"{label}$")), stored)


def _check_argon2(memory: int, passes: int, lanes: int, salt: bytes, digest: bytes) -> None:
    _check("lanes of argon2", lanes, 1, MAX_ARGON2_LANES)
    _check("passes of argon2", passes, 1, MAX_ARGON2_PASSES)
    _check("KiB of argon2", memory, 8 * lanes, MAX_MEMORY)  # RFC 9106, section 3.1
    _check("bytes of argon2's salt", len(salt), 8, MAX_LENGTH)
    _check_digest(digest)


def _read_pbkdf2(rounds: int, salt: bytes, digest: bytes) -> Pbkdf2:
    _check("rounds of PBKDF2", rounds, 1, MAX_PBKDF2_ROUNDS)
    _check_digest(digest)
    return Pbkdf2(rounds, salt, digest)


def _read_scrypt(n: int, r: int, p: int, salt: bytes, digest: bytes) -> Scrypt:
    _check("r of scrypt", r, 1, MAX_MEMORY)
    _check("p of scrypt", p, 1, MAX_SCRYPT_WORK)
    _check("KiB of scrypt", max(n, p) * r // 8, 0, MAX_MEMORY)
    _check("KiB of scrypt in all", n * r * p // 8, 0, MAX_SCRYPT_WORK)
    if n & (n - 1) or not 1 < n < 2 ** (16 * r):  # RFC 7914, section 2
        raise HashRefused("has an N of scrypt that is no power of two, or too large for its r")
    _check_digest(digest)
    return Scrypt(n, r, p, salt, digest)


def _check(what: str, figure: int, least: int, most: int) -> None:
    if not least <= figure <= most:
        raise HashRefused(f"is out of bounds: {what} {figure}, and accepted are {least} to {most}")


def _check_digest(digest: bytes) -> None:
    _check("bytes of the digest", len(digest), MIN_DIGEST, MAX_LENGTH)


def _decode(text: str) -> bytes:
    """Return what base64 stands for, with or without its padding; HashRefused for a spelling that no encoder writes."""
    bare = text.rstrip("=")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        raise HashRefused(UNKNOWN) from None
    padded = base64.b64encode(decoded).decode()
    if text not in {padded, padded.rstrip("=")}:
        raise HashRefused(UNKNOWN)
    return decoded
