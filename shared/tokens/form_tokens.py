"""A token for every form of ours, so that no other site can send it in a user's name. The only door to itsdangerous.

Pure. The token is the time it was made at and a signature over that and the session (the "signed" pattern of OWASP's
CSRF prevention cheat sheet): whoever can't read our pages can't know it, and a token of one session is worth nothing in
another. It is a second guard: the gateway already gives a cookie no weight on a request from another origin.

itsdangerous' own check of the age has no tolerance for a replica whose clock is ahead, so the age is judged here.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Self

from itsdangerous import BadSignature, BadTimeSignature, TimestampSigner

MAX_AGE = 12 * 3600  # seconds that a form may stay open
CLOCK_TOLERANCE = 60  # seconds that another replica's clock may be ahead

_PURPOSE = b"gatepost form token"
_FORMER = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")  # as of the release before; to be dropped in the next one


class FormTokens:
    """Makes and checks form tokens with a key derived from a service's secret; checks those of previous ones too."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._secrets = [*reversed(previous), secret]  # the last one signs

    @classmethod
    def of(cls, secrets: Sequence[str]) -> Self:
        """Return the form tokens of a service by its secrets, the one in use first."""
        return cls(secrets[0], secrets[1:])

    def sign(self, session_id: str, now: int) -> str:
        """Return a token for a form that is shown in a session."""
        return _SignerAt(self._secrets, now).sign(session_id).decode().removeprefix(f"{session_id}.")

    def is_valid(self, token: str, session_id: str, now: int) -> bool:
        """Tell whether a form was shown in this session, by us or another replica, at most MAX_AGE seconds ago."""
        if not token.isascii():
            return False
        if former := _FORMER.fullmatch(token):
            return self._is_former(former, session_id) and _is_fresh(int(former[1]), now)
        try:
            signed, made = _SignerAt(self._secrets, now).unsign(f"{session_id}.{token}", return_timestamp=True)
        except BadSignature:
            return False
        return signed == session_id.encode() and _is_fresh(made.timestamp(), now)

    def _is_former(self, token: re.Match[str], session_id: str) -> bool:
        keys = [hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256) for secret in self._secrets]
        right = [hmac.digest(key, f"{token[1]}.{session_id}".encode(), hashlib.sha256).hex() for key in keys]
        return any(hmac.compare_digest(token[2], each) for each in right)


def is_past(token: str, now: int) -> bool:
    """Tell whether a token, of whichever session, says of itself that its form was open for too long."""
    if former := _FORMER.fullmatch(token):
        return now - int(former[1]) >= MAX_AGE
    try:
        _SignerAt(["of nobody"], now).unsign(f".{token}" if token.isascii() else "")
    except BadTimeSignature as error:
        return error.date_signed is not None and now - error.date_signed.timestamp() >= MAX_AGE
    except BadSignature:
        return False
    return False


class _SignerAt(TimestampSigner):
    """Signs as if it were that time."""

    def __init__(self, secrets: Sequence[str], now: int) -> None:
        super().__init__(secrets, salt=_PURPOSE, key_derivation="hmac", digest_method=hashlib.sha256)
        self._now = now

    def get_timestamp(self) -> int:
        return self._now


def _is_fresh(made: float, now: int) -> bool:
    return -CLOCK_TOLERANCE <= now - made < MAX_AGE
