"""The device cookie: which user last signed in with this browser, and into which session.

Pure. Only a sign-in sets it, so no late answer to an earlier request can bring back an old one. It serves two purposes:

1. A browser that has signed in to an account before is no stranger to it: its tries have a count of their own, and an
   attack on the account from elsewhere does not lock it out (OWASP, "Slow Down Online Guessing Attacks with Device
   Cookies").
2. Answers may overtake one another. When an answer to an older request restores the cookie of a replaced session, the
   device cookie still names the session that replaced it.

Where hosts share the session, they share a second one. Each host's own comes first: no other host can set it, while a
host of the domain that is not ours can set the shared one, and with it sign a browser in to an account of its choice.

It proves no identity: without a live session that it names, or the right password, it opens nothing. The value is
``<user id>.<session id>.<made>.<HMAC-SHA256>``, ``made`` in Unix seconds; anything else is no device cookie.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.tokens.claims import SESSION_ID_PATTERN

MAX_AGE = 90 * 24 * 3600  # seconds after the last sign-in
CLOCK_TOLERANCE = 60  # seconds that another replica's clock may be ahead

_KEY_INFO = b"gatepost device cookie"
_VALUE = re.compile(rf"([1-9][0-9]{{0,18}})\.({SESSION_ID_PATTERN})\.([0-9]{{1,12}})\.([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class LastSignIn:
    """The last sign-in with a browser, which its device cookie names."""

    user_id: int
    session_id: str
    made: int = field(default=0, compare=False)  # in Unix seconds


class DeviceCookies:
    """Makes and reads device cookies with a key derived from ``NEXTAUTH_SECRET``; previous secrets only read."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._keys = [hmac.digest(each.encode(), _KEY_INFO, hashlib.sha256) for each in (secret, *previous)]

    def make(self, sign_in: LastSignIn, now: int) -> str:
        """Return the cookie's value; ``now`` in Unix seconds."""
        text = f"{sign_in.user_id}.{sign_in.session_id}.{now}"
        return f"{text}.{_sign(self._keys[0], text)}"

    def find_last_sign_in(self, cookie: str | None, now: int) -> LastSignIn | None:
        """Return the sign-in that a cookie of ours names, made at most ``MAX_AGE`` ago; else None."""
        match = _VALUE.fullmatch(cookie or "")
        if match is None or not -CLOCK_TOLERANCE <= now - int(match[3]) < MAX_AGE:
            return None
        text = match[0].rpartition(".")[0]
        if not any(hmac.compare_digest(match[4], _sign(key, text)) for key in self._keys):
            return None
        return LastSignIn(int(match[1]), match[2], int(match[3]))


def names_session(cookie: str, session_id: str) -> bool:
    """Tell whether a cookie, if it is ours at all, names that session. Its signature is not checked."""
    return cookie.split(".", 2)[1:2] == [session_id]


def device_cookie_name(*, secure: bool) -> str:
    """Return the cookie's name: bound to this host where the public URL is https."""
    return "__Host-gatepost.device" if secure else "gatepost.device"


def shared_device_cookie_name(*, secure: bool) -> str:
    """Return the name of the one that all hosts of a domain share, which any host of the domain can set."""
    return "__Secure-gatepost.shared-device" if secure else "gatepost.shared-device"


def _sign(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()
