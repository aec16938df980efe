"""The keys of signed tokens: what signs, what verifies, and the shared secrets that do both (RFC 7515, RFC 8725).

1. A key has one algorithm, which the token's header must name too; the header chooses a key by its ``kid`` and nothing
   else (RFC 8725, section 3.1).
2. A shared secret and a public key are different classes, and each is built with its own algorithm: a public key is
   never offered to an HMAC. A secret is mere bytes; a text that is a key in PEM is refused as one.
3. Keys may change while the process runs. Who remembers what they verified looks at ``version`` first, so that a
   retired key's tokens are refused at once. The same keys again change nothing.

jose's key objects are built once: by text it would try JSON, key sets and PEM in turn. They are strict about
signatures, but take any key for any algorithm of its family (P-384 for ES256, RSA for ES256), so what a key may be is
decided in ``public_keys``.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jose import jwk
from jose.backends.base import Key

HS256, ES256, RS256 = "HS256", "ES256", "RS256"
ALGORITHMS = frozenset({HS256, ES256, RS256})
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key that verifies; ``verify(signed, signature)`` tells whether a signature is the key's, in constant time."""

    kid: str
    algorithm: str
    verify: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PublicKey(VerifyingKey):
    """The public half of a key pair; ``members`` are those of its JWK (RFC 7517) that say what it is."""

    members: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs."""

    kid: str
    algorithm: str
    key: Key = field(repr=False, compare=False)

    @property
    def is_private(self) -> bool:
        """Whether it is the private half of a key pair, and no shared secret."""
        return self.algorithm != HS256


class Keys(Protocol):
    """The keys of one kind of token, which may change."""

    @property
    def version(self) -> int:
        """Another number whenever the keys have changed."""
        ...

    @property
    def signing_key(self) -> SigningKey | None:
        """The key that signs; None where this process only verifies."""
        ...

    def find_key(self, kid: object) -> VerifyingKey | None:
        """Return the key with that name, or None."""
        ...

    def may_be_published(self, kid: object) -> bool:
        """Tell whether a key with that name, unknown now, may be known once published keys are read again."""
        ...


class KeyRing:
    """Shared secrets: the current one signs, all verify. With none at all it verifies nothing."""

    version = 0

    def __init__(self, current: str | None, previous: Sequence[str] = ()) -> None:
        secrets = (*previous, current) if current is not None else (*previous,)
        if not all(secrets):
            raise ValueError("a key must not be empty")
        if any(is_key_text(each) for each in secrets):
            raise ValueError("a shared secret must not be a key in PEM")
        keys = {key_id(each): construct_key(each.encode(), HS256) for each in secrets}
        self._keys = {kid: VerifyingKey(kid, HS256, key.verify) for kid, key in keys.items()}
        signing_kid = None if current is None else key_id(current)
        self.signing_key = None if signing_kid is None else SigningKey(signing_kid, HS256, keys[signing_kid])

    def find_key(self, kid: object) -> VerifyingKey | None:
        """Return the key with that name, or None."""
        return self._keys.get(kid) if isinstance(kid, str) else None

    def may_be_published(self, kid: object) -> bool:
        """Tell that none is: secrets never are."""
        del kid
        return False

    def __bool__(self) -> bool:
        return bool(self._keys)


class PublishedKeys:
    """What a service that only verifies accepts: its own secrets, if any, and the public keys that are published.

    ``replace`` takes what was fetched. ``on_unknown`` is called whenever a token names a key pair which is not among
    them, so for any that somebody made up: whoever fetches for it must do so rarely. A call that comes too soon after a
    fetch must lead to another one later: perhaps nobody sends that token again.
    """

    def __init__(self, secrets: KeyRing) -> None:
        self.version = 0
        self.signing_key = secrets.signing_key
        self.on_unknown: Callable[[], None] = lambda: None
        self._secrets = secrets
        self._published: dict[str, PublicKey] = {}

    def replace(self, keys: Iterable[PublicKey]) -> None:
        """Accept these published keys, and no others."""
        published = {key.kid: key for key in keys}
        if published.keys() != self._published.keys():
            self._published = published
            self.version += 1

    def find_key(self, kid: object) -> VerifyingKey | None:
        """Return the key with that name, or None."""
        if not isinstance(kid, str):
            return None
        key = self._published.get(kid) or self._secrets.find_key(kid)
        if key is None and self.may_be_published(kid):
            self.on_unknown()
        return key

    def may_be_published(self, kid: object) -> bool:
        """Tell whether that is the name of a key pair."""
        return isinstance(kid, str) and _THUMBPRINT.fullmatch(kid) is not None

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of the published keys."""
        return (*self._published,)

    def find_lack(self) -> str | None:
        """Return None where there is any key, else what is missing: without one nobody's token is accepted."""
        return None if self._secrets or self._published else "no key yet"


def construct_key(key: object, algorithm: str) -> Key:
    """Return jose's object of a key: the bytes of a secret, or what ``cryptography`` holds."""
    return jwk.construct(key, algorithm)


def is_key_text(secret: str) -> bool:
    """Tell whether a text is a key, and so no secret: the public half of a pair is known to everybody."""
    return secret.lstrip().startswith(("-----BEGIN ", "ssh-", "ecdsa-sha2-"))


def key_id(secret: str) -> str:
    """Return the public name of a shared secret: the first 8 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]
