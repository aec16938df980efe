"""From a request's headers to a caller: the ``Authorization`` header, else NextAuth's session cookie.

1. A token in the ``Authorization`` header wins, even a wrong one: it is never replaced by a cookie. A header with
   another scheme, such as ``Basic``, is not for us, and the cookie still counts. Where the header is an application's
   (``authorization = "own"``) it is not read at all.
2. A cookie counts only where another site can't have forged the request (``same_origin``), or where the rule trusts
   that site. Elsewhere the caller is anonymous.
3. A session cookie proves nothing by itself: the access token sealed inside is verified like any other.
   A token of a session that was ended proves nothing either (``revocations``).
4. Whatever comes, the outcome is a caller. Nothing is raised.
5. A cookie that opens, but whose token has expired or is about to, is returned beside the caller: ``renewal`` may get a
   fresh one. So is a browser whose device cookie names another session than its session cookie, for a late answer may
   have restored an older one or cleared the current one. Which of the two counts is for the auth service to decide.
6. A browser sends the same cookies again and again: they are parsed once and remembered by their exact bytes, if a
   session in them opened. What the time, the method or a revocation may change is checked anew for each request.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from gateway.callers.same_origin import is_from, is_same_origin
from gateway.messages.raw_headers import RawHeader, list_values
from gateway.settings import GatewaySettings
from shared.auth_events.revocations import Revocations
from shared.fast.memory import Memory
from shared.settings import reveal
from shared.tokens.authentication import Anonymous, Caller, Reason, User, authenticate, authenticate_token
from shared.tokens.device_cookie import DeviceCookies, names_session
from shared.tokens.keys import Keys
from shared.tokens.session_cookie import (
    CookieNames,
    SessionClaims,
    SessionSealer,
    find_session_value,
    list_session_pieces,
    parse_cookies,
)
from shared.tokens.signed import AccessTokens
from shared.web.sites import Sites

MAX_REMEMBERED = 1024  # browsers' cookies
LONGEST_REMEMBERED = 4096  # bytes of one browser's


@dataclass(frozen=True, slots=True)
class StaleSession:
    """A session cookie that opens, but whose access token is not good for another minute; or a device cookie.

    ``sealed`` is the session cookie's value, chunks joined, or empty where there is none; ``pieces`` are the names of
    the cookies that it came in. ``device`` is the device cookie's value where that names another session: then
    ``session_id`` is that session.
    """

    session_id: str
    sealed: str
    pieces: tuple[str, ...]
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request, and the cookies to renew, if any."""

    caller: Caller
    stale: StaleSession | None = None


@dataclass(frozen=True, slots=True)
class _BrowserCookies:
    """Our cookies of one request: as in ``StaleSession``, with the device cookies whatever they name."""

    sealed: str
    pieces: tuple[str, ...]
    devices: tuple[str, ...]


NOBODY = Identity(Anonymous(Reason.MISSING))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Identifies callers at our sites."""

    tokens: AccessTokens
    revocations: Revocations
    sealer: SessionSealer
    devices: DeviceCookies
    cookie_names: CookieNames
    sites: Sites
    _browsers: Memory[tuple[bytes, ...], _BrowserCookies] = field(
        default_factory=lambda: Memory(MAX_REMEMBERED), init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, settings: GatewaySettings, revocations: Revocations, keys: Keys | None = None) -> "Credentials":
        """Return credentials with the keys of the settings; sessions among the revocations identify nobody.

        ``keys`` are those that verify access tokens, where they may change.
        """
        keys = settings.read_keys() if keys is None else keys
        nextauth_secret, previous = settings.nextauth_secret.get_secret_value(), settings.nextauth_secret_previous
        names = CookieNames.of(settings.nextauth_url, settings.protocol, settings.cookie_domain)
        return cls(
            tokens=AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl),
            revocations=revocations,
            sealer=SessionSealer(nextauth_secret, settings.session_max_age, reveal(previous), names),
            devices=DeviceCookies(nextauth_secret, reveal(previous)),
            cookie_names=names,
            sites=settings.sites,
        )

    @property
    def public_url(self) -> str:
        """The public URL."""
        return self.sites.public_url

    def identify(
        self,
        method: str,
        headers: Iterable[RawHeader],
        now: int,
        own_origin: str = "",
        trusted: Collection[bytes] = (),
        *,
        by_header: bool = True,
    ) -> Identity:
        """Return who sends a request, by its raw headers (names in lower case), and which of its cookies to renew.

        ``own_origin`` is that of the site that was asked, by default the public one. Pages of the origins that are
        ``trusted`` may use its cookies, too. Not ``by_header``: the ``Authorization`` header is not ours, and proves
        nothing.
        """
        headers = tuple(headers)
        if by_header:
            caller = authenticate(headers, self.tokens, self.revocations, now)
            if not isinstance(caller, Anonymous) or caller.reason is not Reason.MISSING:
                return Identity(caller)
        values = tuple(list_values(headers, b"cookie"))
        cookies = self._read_cookies(values)
        if cookies is None:
            return NOBODY
        if not is_same_origin(method, headers, own_origin or self.public_url) and not is_from(headers, trusted):
            return Identity(Anonymous(Reason.OTHER_SITE))
        return self._identify_by_cookie(values, cookies, now)

    def list_session_cookies(self, user: User, headers: Iterable[RawHeader], now: int) -> list[str]:
        """Return the pieces of the session cookie, each once, if it is of the session that proved who the user is."""
        values = tuple(list_values(headers, b"cookie"))
        cookies = self._read_cookies(values)
        session = self.sealer.open(cookies.sealed, now) if cookies is not None and cookies.sealed else None
        if cookies is None or session is None:
            return []
        if session.get("sid") != user.claims.session_id and session.get("accessToken") != user.token:
            return []
        found = parse_cookies((b"cookie", value) for value in values)
        whole = self.cookie_names.session
        return [f"{piece}={found[piece]}" for piece in ([whole] if whole in found else cookies.pieces)]

    def _identify_by_cookie(self, values: tuple[bytes, ...], cookies: _BrowserCookies, now: int) -> Identity:
        session = self.sealer.open(cookies.sealed, now) if cookies.sealed else None
        if session is None:
            caller: Caller = Anonymous(Reason.INVALID if cookies.sealed else Reason.MISSING)
            session_id = None
        else:
            self._remember(values, cookies)
            caller, session_id = self._authenticate_session(session, now), session.get("sid")
        other = self._find_other_session(cookies.devices, session_id, now)
        if other is not None:
            signed_in, device = other
            return Identity(caller, StaleSession(signed_in, cookies.sealed, cookies.pieces, device))
        if not isinstance(session_id, str) or self._is_final(caller, session_id, now):
            return Identity(caller)
        return Identity(caller, StaleSession(session_id, cookies.sealed, cookies.pieces))

    def find_session(self, headers: Iterable[RawHeader], user: User, now: int) -> StaleSession | None:
        """Return the cookies that name the session of a caller, to renew it by; None where they came without."""
        cookies, wanted = self._read_cookies(tuple(list_values(headers, b"cookie"))), user.claims.session_id
        if cookies is None:
            return None
        session = (self.sealer.open(cookies.sealed, now) if cookies.sealed else None) or {}
        if session.get("sid") == wanted:
            return StaleSession(wanted, cookies.sealed, cookies.pieces)
        device = next((each for each in cookies.devices if names_session(each, wanted)), None)
        return StaleSession(wanted, cookies.sealed, cookies.pieces, device) if device is not None else None

    def _read_cookies(self, values: tuple[bytes, ...]) -> _BrowserCookies | None:
        """Return our cookies, or None where there are none."""
        remembered = self._browsers.find(values)
        if remembered is not None:
            return remembered
        names = self.cookie_names
        if not any(name.encode() in value for value in values for name in (names.session, *names.devices)):
            return None  # so with nearly everybody who is not signed in
        cookies = parse_cookies((b"cookie", value) for value in values)
        sealed = find_session_value(cookies, names.session) or ""
        devices = tuple(cookies[name] for name in names.devices if cookies.get(name))
        if not (sealed or devices):
            return None
        return _BrowserCookies(sealed, tuple(list_session_pieces(cookies, names.session)), devices)

    def _remember(self, values: tuple[bytes, ...], cookies: _BrowserCookies) -> None:
        """Remember a browser's cookies, in which a session opened."""
        if self._browsers.find(values) is None and sum(map(len, values)) <= LONGEST_REMEMBERED:
            self._browsers.keep(values, cookies)

    def _find_other_session(self, devices: tuple[str, ...], session_id: object, now: int) -> tuple[str, str] | None:
        """Return the session of the first device cookie that counts, with that cookie, if it is a different one.

        Sessions that are known to have ended don't count.
        """
        for device in devices:
            if isinstance(session_id, str) and names_session(device, session_id):
                return None
            found = self.devices.find_last_sign_in(device, now)
            if found is not None and not self.revocations.is_revoked(found.session_id):
                return None if found.session_id == session_id else (found.session_id, device)
        return None

    def _authenticate_session(self, session: SessionClaims, now: int) -> Caller:
        token = session.get("accessToken")
        if not isinstance(token, str):
            return Anonymous(Reason.INVALID)
        return authenticate_token(token, self.tokens, self.revocations, now)

    def _is_final(self, caller: Caller, session_id: str, now: int) -> bool:
        """Tell whether a renewal would gain nothing: the token is good for a while, or the session was ended."""
        if isinstance(caller, User):
            return caller.claims.is_fresh(now)
        return caller.reason is Reason.REVOKED or self.revocations.is_revoked(session_id)
