"""Codes that are sent by mail: how they are made, shown and read. Pure.

1. A code is eight characters of Crockford's base32, 40 bits, shown in two groups (ASVS 5.0, 6.5.4: at least 20 bits).
   It is typed by hand, so letters that look alike are one (I, L and 1; O and 0); case and hyphens make no difference.
2. A link, where there is one, holds a token of 256 bits.
3. A code is valid only in the browser that asked for it (ASVS 5.0, 6.6.2), which proves that by its flow: a random
   token in a cookie.
"""

import datetime as dt
import re
import secrets
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
    SET_PASSWORD = "set_password"  # noqa: S105 - by a link that an operator hands over


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
