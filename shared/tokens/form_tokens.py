"""A token for every form of ours, so that no other site can send it in a user's name.

Pure. The token is an HMAC over the session and the second it was made in (the "signed" pattern of OWASP's CSRF
prevention cheat sheet): whoever can't read our pages can't know it, and a token of one session is worth nothing in
another. It is a second guard: the gateway already gives a cookie no weight on a request from another origin.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

MAX_AGE = 12 * 3600  # seconds that a form may stay open
CLOCK_TOLERANCE = 60  # seconds that another replica's clock may be ahead

_MADE = re.compile(r"[0-9]{1,12}")  # seconds until the year 33658


class FormTokens:
    """Makes and checks form tokens with a key derived from a service's secret; checks those of previous ones too."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        info = b"gatepost form token"
        self._keys = [hmac.digest(each.encode(), info, hashlib.sha256) for each in (secret, *previous)]

    def sign(self, session_id: str, now: int) -> str:
        """Return a token for a form that is shown in a session."""
        return f"{now}.{_mac(self._keys[0], session_id, now)}"

    def is_valid(self, token: str, session_id: str, now: int) -> bool:
        """Tell whether a form was shown in this session, by us or another replica, at most MAX_AGE seconds ago."""
        made, _, mac = token.partition(".")
        if not (token.isascii() and _MADE.fullmatch(made)):
            return False
        right = [_mac(key, session_id, int(made)) for key in self._keys]
        is_ours = any(hmac.compare_digest(mac.encode(), each.encode()) for each in right)
        return is_ours and -CLOCK_TOLERANCE <= now - int(made) < MAX_AGE


def is_past(token: str, now: int) -> bool:
    """Tell whether a token, of whichever session, says of itself that its form was open for too long."""
    made = token.partition(".")[0]
    return bool(_MADE.fullmatch(made)) and now - int(made) >= MAX_AGE


def _mac(key: bytes, session_id: str, made: int) -> str:
    return hmac.new(key, f"{made}.{session_id}".encode(), hashlib.sha256).hexdigest()
