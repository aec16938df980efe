"""From a request's headers to a caller: the ``Authorization`` header, else NextAuth's session cookie.

1. A token in the ``Authorization`` header wins, even a wrong one: it is never replaced by a cookie. A header of another
   scheme, such as ``Basic``, is not for us and leaves the cookie its say.
2. A cookie counts only where the request can't have been forged by another site (``policy.is_same_origin``); a browser
   adds it to any request, whoever wrote the page. Where it does not count, the caller is anonymous.
3. A session cookie proves nothing by itself: the access token sealed inside is verified like any other.
   A token of a session that was ended proves nothing either (``revocations``).
4. Whatever comes, the answer is a caller. Nothing is raised.
5. A cookie that opens, but whose token no longer proves much, is told beside: ``session_renewal`` may get a fresh one.
   So is a browser whose device cookie names another session than its session cookie, for a late answer may have put an
   older one back or cleared the one there was. Which of the two counts is the auth service's to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.policy.decision import is_same_origin
from gateway.settings import GatewaySettings
from gateway.wire.headers import RawHeader
from shared.authentication import Anonymous, Caller, Reason, User, authenticate, authenticate_token
from shared.device_cookie import DeviceCookies
from shared.revocations import Revocations
from shared.session_cookie import (
    CookieNames,
    SessionClaims,
    SessionSealer,
    find_session_value,
    list_session_pieces,
    parse_cookies,
)
from shared.settings import reveal
from shared.tokens import AccessTokens, KeyRing


@dataclass(frozen=True, slots=True)
class StaleSession:
    """A session cookie that opens, but holds no access token that is good for another minute; or a device cookie.

    ``sealed`` is the session cookie's value, chunks joined, and empty where there is none; ``pieces`` are the names of
    the cookies that it came in. ``device`` is the device cookie's value where that names another session, which is then
    ``session_id``.
    """

    session_id: str
    sealed: str
    pieces: tuple[str, ...]
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Who sends a request, and the cookies that want renewal, if they do."""

    caller: Caller
    stale: StaleSession | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Finds callers with the keys of one public URL."""

    tokens: AccessTokens
    revocations: Revocations
    sealer: SessionSealer
    devices: DeviceCookies
    cookie_names: CookieNames
    public_url: str

    @classmethod
    def of(cls, settings: GatewaySettings, revocations: Revocations) -> "Credentials":
        """Return what finds callers with the keys of the settings; none whose session is among the revocations."""
        keys = KeyRing(settings.secret_key.get_secret_value(), reveal(settings.secret_key_previous))
        nextauth_secret, previous = settings.nextauth_secret.get_secret_value(), settings.nextauth_secret_previous
        return cls(
            tokens=AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl),
            revocations=revocations,
            sealer=SessionSealer(nextauth_secret, settings.session_max_age, reveal(previous)),
            devices=DeviceCookies(nextauth_secret, reveal(previous)),
            cookie_names=CookieNames.of(settings.nextauth_url),
            public_url=settings.nextauth_url,
        )

    def find_caller(self, method: str, headers: Iterable[RawHeader], now: int) -> Caller:
        """Return who sends a request, by its raw headers (names in lower case); ``now`` in Unix seconds."""
        return self.find(method, headers, now).caller

    def find(self, method: str, headers: Iterable[RawHeader], now: int) -> Found:
        """Return the same, and whether the session cookie that proves it wants renewal."""
        lines = tuple(headers)
        caller = authenticate(lines, self.tokens, self.revocations, now)
        if isinstance(caller, Anonymous) and caller.reason is Reason.MISSING:
            return self._find_by_cookie(method, lines, now)
        return Found(caller)

    def find_by_token(self, token: str, now: int) -> Caller:
        """Return who sends a request whose one ``Authorization`` header holds this token."""
        return authenticate_token(token, self.tokens, self.revocations, now)

    def _find_by_cookie(self, method: str, headers: tuple[RawHeader, ...], now: int) -> Found:
        if not any(name == b"cookie" for name, _ in headers):
            return Found(Anonymous(Reason.MISSING))
        cookies, name = parse_cookies(headers), self.cookie_names.session
        sealed, device = find_session_value(cookies, name) or "", cookies.get(self.cookie_names.device)
        if not (sealed or device) or not is_same_origin(method, headers, self.public_url):
            return Found(Anonymous(Reason.MISSING))
        session = self.sealer.open(sealed, now)
        session_id = session.get("sid") if session is not None else None
        caller = self._find_by_session(session, now) if session is not None else _without_session(sealed)
        pieces = tuple(list_session_pieces(cookies, name))
        signed_in = self._find_other_session(device, session_id, now)
        if signed_in is not None:
            return Found(caller, StaleSession(signed_in, sealed, pieces, device))
        if not isinstance(session_id, str) or self._is_final(caller, session_id, now):
            return Found(caller)
        return Found(caller, StaleSession(session_id, sealed, pieces))

    def _find_other_session(self, device: str | None, session_id: object, now: int) -> str | None:
        """Return the session that a device cookie names, if it is another and not known to be over."""
        found = self.devices.find_device(device, now)
        if found is None or found.session_id == session_id or self.revocations.is_revoked(found.session_id):
            return None
        return found.session_id

    def _find_by_session(self, session: SessionClaims, now: int) -> Caller:
        token = session.get("accessToken")
        if not isinstance(token, str):
            return Anonymous(Reason.INVALID)
        return authenticate_token(token, self.tokens, self.revocations, now)

    def _is_final(self, caller: Caller, session_id: str, now: int) -> bool:
        """Tell whether nothing is gained by a renewal: the token is good for a while, or the session was ended."""
        if isinstance(caller, User):
            return caller.claims.is_fresh(now)
        return caller.reason is Reason.REVOKED or self.revocations.is_revoked(session_id)


def _without_session(sealed: str) -> Anonymous:
    return Anonymous(Reason.INVALID if sealed else Reason.MISSING)
