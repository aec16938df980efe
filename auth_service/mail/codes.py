"""Codes that are sent by mail: how they are made, read and stored. Pure.

1. A code is eight characters of Crockford's base32, 40 bits, shown in two groups (ASVS 5.0, 6.5.4: at least 20 bits).
   It is typed by hand, so letters that look alike are one (I, L and 1; O and 0); case and hyphens make no difference.
2. A link, where there is one, holds a token of 256 bits.
3. Stored are only keyed hashes. That of a code covers its purpose and address: the right code with another address is
   a wrong one.
4. A code holds for the browser that asked for it (ASVS 5.0, 6.6.2), which proves that by its flow: a random token in a
   cookie.
"""

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

LIFETIME = dt.timedelta(minutes=10)  # ASVS 5.0, 6.5.5: at most
TRIES = 5  # wrong ones, that end a code
TOKEN_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH, _GROUP = 8, 4
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits, as ``make_token`` writes them
_READ = {**{ord(each): each for each in _ALPHABET}, ord("I"): "1", ord("L"): "1", ord("O"): "0"}
_BETWEEN = dict.fromkeys(map(ord, "- \u00a0\u2010\u2011\u2012\u2013"))  # as mail programs write hyphens and blanks


class Purpose(StrEnum):
    """What a code is for."""

    RESET = "reset"  # of a forgotten password
    PROVE_ADDRESS = "prove_address"
    CHANGE_ADDRESS = "change_address"
    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser asked for: a code, for an address as it was typed."""

    email: str
    at: dt.datetime


class Codes:
    """Hashes what identifies a code, by a key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def hash_code(self, purpose: Purpose, address_key: str, code: str) -> bytes:
        """Return what is stored of a code, or of a link's token, for an address (``email_key``)."""
        return self._hash("code", purpose, address_key, code)

    def hash_address(self, address_key: str) -> bytes:
        """Return what is stored of an address."""
        return self._hash("address", address_key)

    def hash_flow(self, flow: str) -> bytes:
        """Return what is stored of a browser's flow."""
        return self._hash("flow", flow)

    def _hash(self, *parts: str) -> bytes:
        return hmac.digest(self._key, "\0".join(("mail", *parts)).encode(), hashlib.sha256)


def make_code() -> str:
    """Return a new code."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def make_token() -> str:
    """Return a new token, for a link or a flow."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_token(text: str) -> bool:
    """Tell whether a text may be such a token."""
    return _TOKEN.fullmatch(text) is not None


def show_code(code: str) -> str:
    """Return a code as people read it: ``7K3F-9QXM``."""
    return f"{code[:_GROUP]}-{code[_GROUP:]}"


def read_code(typed: str) -> str | None:
    """Return the code that somebody typed; None when it can't be one."""
    letters = typed.strip().upper().translate(_BETWEEN)
    code = letters.translate(_READ)
    return code if len(code) == _LENGTH and set(code) <= set(_ALPHABET) else None
