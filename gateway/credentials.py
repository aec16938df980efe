"""From a request's headers to a caller: the ``Authorization`` header, else NextAuth's session cookie.

1. An ``Authorization`` header wins, even a wrong one: it is never replaced by a cookie.
2. A cookie counts only where the request can't have been forged by another site (``policy.is_same_origin``); a browser
   adds it to any request, whoever wrote the page. Where it does not count, the caller is anonymous.
3. A session cookie proves nothing by itself: the access token sealed inside is verified like any other.
   A token of a session that was ended proves nothing either (``revocations``).
4. Whatever comes, the answer is a caller. Nothing is raised.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.policy import is_same_origin
from gateway.settings import GatewaySettings
from shared.authentication import Anonymous, Caller, Reason, authenticate, authenticate_token
from shared.revocations import Revocations
from shared.session_cookie import CookieNames, SessionSealer, find_session_value, parse_cookies
from shared.tokens import AccessTokens, KeyRing

RawHeader = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Finds callers with the keys of one public URL."""

    tokens: AccessTokens
    revocations: Revocations
    sealer: SessionSealer
    cookie_names: CookieNames
    public_url: str

    @classmethod
    def of(cls, settings: GatewaySettings, revocations: Revocations) -> "Credentials":
        """Return what finds callers with the keys of the settings; none whose session is among the revocations."""
        previous = [key.get_secret_value() for key in settings.secret_key_previous]
        keys = KeyRing(settings.secret_key.get_secret_value(), previous)
        return cls(
            tokens=AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl),
            revocations=revocations,
            sealer=SessionSealer(settings.nextauth_secret.get_secret_value(), settings.session_max_age),
            cookie_names=CookieNames.of(settings.nextauth_url),
            public_url=settings.nextauth_url,
        )

    def find_caller(self, method: str, headers: Iterable[RawHeader], now: int) -> Caller:
        """Return who sends a request, by its raw headers (names in lower case); ``now`` in Unix seconds."""
        lines = tuple(headers)
        caller = authenticate(lines, self.tokens, self.revocations, now)
        if isinstance(caller, Anonymous) and caller.reason is Reason.MISSING:
            return self._find_by_cookie(method, lines, now)
        return caller

    def _find_by_cookie(self, method: str, headers: tuple[RawHeader, ...], now: int) -> Caller:
        if not any(name == b"cookie" for name, _ in headers):
            return Anonymous(Reason.MISSING)
        sealed = find_session_value(parse_cookies(headers), self.cookie_names.session)
        if sealed is None or not is_same_origin(method, headers, self.public_url):
            return Anonymous(Reason.MISSING)
        session = self.sealer.open(sealed, now)
        token = session.get("accessToken") if session is not None else None
        if not isinstance(token, str):
            return Anonymous(Reason.INVALID)
        return authenticate_token(token, self.tokens, self.revocations, now)
