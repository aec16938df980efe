"""The auth service's key pairs: read from a PEM file (RFC 7468), made, and used beside its shared secrets.

The first key of the file is private and signs. All further ones, private or public, only verify and are published: keys
that are announced, or that retire. Beside a shared secret, which signs then, all may be public: that is how the first
key pair is announced. Whatever is wrong with the file is one sentence that names nothing it holds.

Nobody but the file's owner may read it. Like PostgreSQL with its own key, we take a file of root's that a group may
read, too: that is how Kubernetes mounts a secret for a process that is not root.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.tokens.keys import ES256, KeyRing, PublicKey, SigningKey, VerifyingKey, construct_key
from shared.tokens.public_keys import MOST_KEYS, RSA_EXPONENT, KeyNotTaken, name_public_key

LONGEST_FILE = 65_536  # bytes
MADE_BITS = 3072  # worth as much as P-256 (NIST SP 800-57 part 1, table 2); 2048 are taken, but not made
_BEGIN = b"-----BEGIN "
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n.*?-----END \1-----", re.DOTALL)
_PARAMETERS = b"EC PARAMETERS"  # openssl writes these, which say nothing new, before a key
_PRIVATE = frozenset({b"PRIVATE KEY", b"EC PRIVATE KEY", b"RSA PRIVATE KEY"})
_PUBLIC = frozenset({b"PUBLIC KEY", b"RSA PUBLIC KEY"})
_ENCRYPTED, _ENCRYPTED_IN_HEAD = b"ENCRYPTED ", b"Proc-Type:"  # in PKCS #8; in the older forms

_Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyFileRefused(ValueError):
    """A key file that can't be used; the text says why, and begins with "names a file"."""


class KeyFileUnreadable(KeyFileRefused):
    """A key file that can't be read at all; perhaps it can be in a moment."""


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """What a key file holds: the key that signs, if any, and the public half of each, the signing one's first."""

    signing_key: SigningKey | None
    published: tuple[PublicKey, ...]


class IssuerKeys:
    """The keys of the auth service: it signs by its key pair, if it has one, and by its shared secret otherwise."""

    def __init__(self, secrets: KeyRing, pairs: KeyPairs | None = None) -> None:
        self.version = 0
        self.published: tuple[PublicKey, ...] = ()
        self.signing_key = self._secret_key = secrets.signing_key
        self._secrets = secrets
        self._public: dict[str, PublicKey] = {}
        if pairs is not None:
            self.replace(pairs)

    def replace(self, pairs: KeyPairs) -> None:
        """Sign by the first of these pairs, if it is private, and verify by all of them and by no other pair."""
        self.signing_key, self.published = pairs.signing_key or self._secret_key, pairs.published
        public = {key.kid: key for key in pairs.published}
        if public.keys() != self._public.keys():
            self._public = public
            self.version += 1

    def find_key(self, kid: object) -> VerifyingKey | None:
        """Return the key with that name, or None."""
        return (self._public.get(kid) if isinstance(kid, str) else None) or self._secrets.find_key(kid)

    def may_be_published(self, kid: object) -> bool:
        """Tell that none is: all keys there are, are here."""
        del kid
        return False


def read_key_file(path: Path, *, needs_signer: bool = True) -> KeyPairs:
    """Return the key pairs of a file that nobody else can read; raises KeyFileRefused."""
    try:
        # At once: a pipe that nobody writes would hold up the start.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(LONGEST_FILE + 1) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        content = None
    if content is None:
        raise KeyFileUnreadable("names a file that can't be read")
    if not is_owners_alone(status.st_mode, status.st_uid, os.geteuid()):
        raise KeyFileRefused("names a file that others can read; make it its owner's alone by chmod 600")
    if len(content) > LONGEST_FILE:
        raise KeyFileRefused(f"names a file of more than {LONGEST_FILE} bytes")
    return read_key_pairs(content, needs_signer=needs_signer)


def read_key_pairs(content: bytes, *, needs_signer: bool = True) -> KeyPairs:
    """Return the key pairs of a text of PEM blocks; raises KeyFileRefused.

    Where none ``needs_signer``, all keys may be public.
    """
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(content)]
    if len(blocks) != content.count(_BEGIN):
        raise KeyFileRefused("names a file with a PEM block that has no end")
    keys = [_read_block(label, block) for label, block in blocks if label != _PARAMETERS]
    if not keys:
        raise KeyFileRefused("names a file that holds no key in PEM")
    if len(keys) > MOST_KEYS:
        raise KeyFileRefused(f"names a file of more than {MOST_KEYS} keys")
    public = {key.kid: key for key in map(_name, keys)}  # once each: a pair may stand beside its own public half
    first = keys[0]
    if not needs_signer and not any(isinstance(key, _Private) for key in keys):
        return KeyPairs(None, tuple(public.values()))
    if not isinstance(first, _Private):
        raise KeyFileRefused("names a file that begins with a public key; its first key signs, and must be private")
    signer = next(iter(public.values()))
    signing_key = SigningKey(signer.kid, signer.algorithm, construct_key(first, signer.algorithm))
    return KeyPairs(signing_key, tuple(public.values()))


def make_key_pair(algorithm: str = ES256) -> str:
    """Return a new private key in PEM (PKCS #8, not encrypted); its public half follows from it."""
    key: _Private = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == ES256
        else rsa.generate_private_key(RSA_EXPONENT, MADE_BITS)
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def is_owners_alone(mode: int, owner: int, user: int) -> bool:
    """Tell whether nobody but us may open a file of that mode, or it is root's for us and a group to read."""
    group = stat.S_IWGRP | stat.S_IXGRP if owner == 0 != user else stat.S_IRWXG
    return not mode & (stat.S_IRWXO | group)


def _read_block(label: bytes, block: bytes) -> object:
    if label.startswith(_ENCRYPTED) or _ENCRYPTED_IN_HEAD in block:
        raise KeyFileRefused("names a file with a key that is encrypted; nobody could enter its password")
    try:
        if label in _PRIVATE:
            return serialization.load_pem_private_key(block, None)
        if label in _PUBLIC:
            return serialization.load_pem_public_key(block)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileRefused("names a file with a key that can't be read") from None
    raise KeyFileRefused(f"names a file with a block {label.decode()!r}, which is no key in PEM")


def _name(key: object) -> PublicKey:
    try:
        return name_public_key(key.public_key() if hasattr(key, "public_key") else key)
    except KeyNotTaken as error:
        raise KeyFileRefused(f"names a file with {error}") from None
