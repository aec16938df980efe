"""NextAuth's csrf token: the same random token in a cookie and in the form (OWASP's signed double submit).

Pure. The cookie's value is ``<token>|<SHA-256 of token and NEXTAUTH_SECRET>``, both 64 hex digits, exactly as next-auth
writes it; so no other site can forge one, not even a sibling domain that can set cookies.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence

_COOKIE = re.compile(r"([0-9a-f]{64})\|([0-9a-f]{64})")


class CsrfTokens:
    """Makes and verifies csrf tokens with ``NEXTAUTH_SECRET``; also verifies those of previous secrets."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._secrets = (secret, *previous)

    def make(self) -> str:
        """Return a new token."""
        return secrets.token_hex(32)

    def seal(self, token: str) -> str:
        """Return the cookie's value for a token."""
        return f"{token}|{_hash(token, self._secrets[0])}"

    def find_token(self, cookie: str | None) -> str | None:
        """Return the token in a cookie that we made, or None."""
        match = _COOKIE.fullmatch(cookie or "")
        if match is None:
            return None
        is_ours = any(hmac.compare_digest(match[2], _hash(match[1], secret)) for secret in self._secrets)
        return match[1] if is_ours else None

    def is_verified(self, cookie: str | None, submitted: str) -> bool:
        """Tell whether a form carries the token in its browser's cookie."""
        token = self.find_token(cookie)
        return token is not None and hmac.compare_digest(token.encode(), submitted.encode(errors="replace"))


def _hash(token: str, secret: str) -> str:
    return hashlib.sha256(f"{token}{secret}".encode()).hexdigest()
