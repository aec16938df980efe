"""The keys of calls between services: each caller signs with its own, so that none can call in another's name.

Pure. The callee knows the keys of all callers, and the key that signed a token says who calls. A caller that has no
secret of its own has a key derived from the one that all share (HKDF, RFC 5869): whoever holds that secret can call in
the name of each such caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.tokens.compact_form import encode_segment
from shared.tokens.signed import KeyRing

_PURPOSE = b"gatepost service key: "


@dataclass(frozen=True, slots=True)
class Secrets:
    """A secret in use, if there is one, and those that were in use before or will be next."""

    current: str | None = None
    previous: tuple[str, ...] = ()


def build_caller_keys(caller: str, own: Secrets, shared: Secrets) -> KeyRing:
    """Return the keys of a caller: by its own secret, or without one by the shared secret; previous ones only verify.

    Beside an own secret the shared one does not count, unless it is a previous one. Raises ValueError without either.
    """
    previous = [*own.previous, *_list_derived(caller, shared.previous)]
    if own.current is not None:
        return KeyRing(own.current, previous)
    if shared.current is None:
        raise ValueError(f"{caller} has no key")
    return KeyRing(derive_secret(caller, shared.current), [shared.current, *previous])


def derive_secret(caller: str, shared: str) -> str:
    """Return a caller's secret, derived from the shared one."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE + caller.encode())
    return encode_segment(kdf.derive(shared.encode()))


def _list_derived(caller: str, shared: Iterable[str]) -> list[str]:
    """Return the caller's secret by each shared one, and that one itself, with which the release before signs.

    The latter is to be dropped in the next release.
    """
    return [secret for each in shared for secret in (derive_secret(caller, each), each)]
