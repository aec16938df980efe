"""A token for every form of ours, so that no other site can send it in a user's name.

Pure. The token is an HMAC over the session and the second it was made in (the "signed" pattern of OWASP's CSRF
prevention cheat sheet): whoever can't read our pages can't know it, and a token of one session is worth nothing in
another. It is a second guard: the gateway already gives a cookie no weight on a request from another origin.
"""

import hashlib
import hmac

MAX_AGE = 12 * 3600  # seconds that a form may stay open
CLOCK_TOLERANCE = 60  # seconds that another replica's clock may be ahead


class FormTokens:
    """Makes and checks form tokens with a key derived from a service's secret."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"gatepost form token", hashlib.sha256)

    def sign(self, session_id: str, now: int) -> str:
        """Return a token for a form that is shown in a session."""
        return f"{now}.{self._mac(session_id, now)}"

    def is_valid(self, token: str, session_id: str, now: int) -> bool:
        """Tell whether a form was shown in this session, by us or another replica, at most MAX_AGE seconds ago."""
        made, _, mac = token.partition(".")
        if not (token.isascii() and made.isdigit() and len(made) <= 12):  # noqa: PLR2004 - seconds until the year 33658
            return False
        is_ours = hmac.compare_digest(mac.encode(), self._mac(session_id, int(made)).encode())
        return is_ours and -CLOCK_TOLERANCE <= now - int(made) < MAX_AGE

    def _mac(self, session_id: str, made: int) -> str:
        return hmac.new(self._key, f"{made}.{session_id}".encode(), hashlib.sha256).hexdigest()
