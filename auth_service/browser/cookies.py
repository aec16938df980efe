"""What we keep in a browser: the csrf token, the page to return to, its session, and its last sign-in.

These are read from a request's cookies, and written as ``Set-Cookie`` values. The first three are NextAuth's own
cookies. They only name things; the row in the database is the truth, so the cookie of an ended session is no session.

Answers may overtake one another: the answer to an older request can bring back the session cookie that a sign-in
replaced, or clear the new one. So these rules decide which session is the browser's:

1. The device cookie (``shared.tokens.device_cookie``) is set by a sign-in and by nothing else. While the session that
   it names is live, that is the browser's, whatever the session cookie says; otherwise that of the device cookie which
   hosts share, if they do, or else the session cookie's own, if it is live.
2. Signing out ends all of them. A cookie that a late answer brings back afterwards names a session that is over.
3. Where the two differ, the answer corrects the session cookie.
4. If the session that counts was replaced, nothing is cleared: the request is older than the sign-in that replaced it.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.redirects import safe_redirect
from auth_service.clients import identify_client
from auth_service.parts import Parts, parts_of
from auth_service.sessions.sessions import SignedIn, read_session_id
from auth_service.tables.sessions import Ending, Session, SessionId
from auth_service.tables.users import User
from shared.observing.request_context import record_of
from shared.tokens.authentication import User as SignedInCaller
from shared.tokens.authentication import authenticate_token
from shared.tokens.device_cookie import MAX_AGE, LastSignIn, names_session
from shared.tokens.session_cookie import (
    SessionClaims,
    find_session_value,
    list_session_pieces,
    parse_cookies,
    session_cookies,
)
from shared.tokens.set_cookie import set_cookie

LONGEST_COOKIE = 4096  # bytes of name and value; browsers drop a longer one (RFC 6265bis, section 5.6)

_COOKIES = "gatepost.cookies"


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser's live session; ``is_renewed`` when the access token there had to be replaced."""

    user: User
    session: Session
    access_token: str
    is_renewed: bool = False


def offer_csrf_token(request: Request) -> tuple[str, list[str]]:
    """Return the browser's csrf token, a new one where it has none, and the cookies to set for it."""
    parts = parts_of(request)
    token = parts.csrf.find_token(read_cookies(request).get(parts.cookies.csrf))
    if token is not None:
        return token, []
    token = parts.csrf.make()
    return token, [set_cookie(parts.cookies.csrf, parts.csrf.seal(token), secure=parts.cookies.secure)]


def is_csrf_verified(request: Request, fields: Mapping[str, str]) -> bool:
    """Tell whether a form comes from a page of ours in this very browser."""
    parts = parts_of(request)
    return parts.csrf.is_verified(read_cookies(request).get(parts.cookies.csrf), fields.get("csrfToken", ""))


def has_csrf_cookie(request: Request) -> bool:
    """Tell whether the browser sent a csrf cookie, valid or not: a browser that keeps no cookies never does."""
    return parts_of(request).cookies.csrf in read_cookies(request)


def choose_callback_url(request: Request, fields: Mapping[str, str]) -> str:
    """Return where to go afterwards: as the body says, else the query, else the cookie; else the site's first page."""
    parts = parts_of(request)
    own = parts.sites.get_own(request.headers.get("host", ""))
    sent = (fields.get("callbackUrl"), request.query_params.get("callbackUrl"))
    wanted = next(filter(None, (*sent, read_cookies(request).get(parts.cookies.callback))), "")
    return safe_redirect(wanted, parts.sites, own) or own


def remember_callback_url(request: Request, callback_url: str) -> list[str]:
    """Return the cookie with which the browser remembers where to go afterwards; nothing if it already does.

    A destination too long for a cookie is left to the query and the form; an older one is then forgotten.
    """
    names = parts_of(request).cookies
    kept = read_cookies(request).get(names.callback)
    if kept == callback_url:
        return []
    cookies = names.set(names.callback, callback_url, read_cookies(request))
    if len(cookies[-1].partition(";")[0]) <= LONGEST_COOKIE:
        return cookies
    return [] if kept is None else names.clear(names.callback)


async def find_browser_session(request: Request) -> BrowserSession | None:
    """Return the browser's live session, with an access token that stays valid for a while; or None."""
    parts, claims = parts_of(request), _open_session(request)
    found = await parts.sessions.find_first_live(list_session_ids(request))
    if found is None:
        return None
    user, session = found
    record_of(request.scope).user_name = user.name
    token = claims.get("accessToken")
    if isinstance(token, str) and _is_good(request, token, user, session):
        return BrowserSession(user, session, token)
    return BrowserSession(user, session, parts.sessions.sign_access_token(user, session), is_renewed=True)


def list_session_ids(request: Request) -> list[SessionId]:
    """Return the sessions that the browser's cookies name, live or not, the one that counts first."""
    parts, sent = parts_of(request), read_cookies(request)
    devices = [sent[name] for name in parts.cookies.devices if name in sent]
    return order_session_ids(parts, devices, _open_session(request))


def order_session_ids(parts: Parts, devices: Sequence[str], claims: SessionClaims) -> list[SessionId]:
    """Return the same for the values of the device cookies, in their order, and a decrypted session cookie."""
    own = read_session_id(text := claims.get("sid"))
    if own is not None and devices and all(names_session(device, str(text)) for device in devices):
        return [own]  # the usual case: whether the device cookies are ours makes no difference then
    found = [parts.devices.find_last_sign_in(device, int(time.time())) for device in devices]
    named = [*(read_session_id(device.session_id) for device in found if device is not None), own]
    return list(dict.fromkeys(session_id for session_id in named if session_id is not None))


def find_user_id(request: Request) -> int | None:
    """Return the user whom the browser's session cookie names, whether they exist or not."""
    text = _open_session(request).get("sub")
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def note_reader(request: Request) -> None:
    """Let a page's header name the user in the browser's cookie; for pages that query no database."""
    name = _open_session(request).get("name")
    record_of(request.scope).user_name = name if isinstance(name, str) else None


async def rename(request: Request, found: BrowserSession, name: str | None) -> BrowserSession:
    """Return a browser's session under its user's new name, if one is given, with an access token that has it.

    Raises what ``Accounts.rename`` does.
    """
    accounts, client = parts_of(request).accounts, identify_client(request)
    return change_user(request, found, await accounts.rename(found.user, name or found.user.name, client))


def change_user(request: Request, found: BrowserSession, user: User) -> BrowserSession:
    """Return a browser's session with its user as they are now, and an access token that says so."""
    return replace(found, user=user, access_token=parts_of(request).sessions.sign_access_token(user, found.session))


def seal_session(request: Request, found: BrowserSession | SignedIn) -> tuple[SessionClaims, list[str]]:
    """Return what the sealed session says and the cookies that store it until its absolute end.

    The log record gets the user and the session.
    """
    record = record_of(request.scope)
    record.user_id, record.session_id = found.user.id, str(found.session.id)
    return seal_for(parts_of(request), found.user, found.session, found.access_token, read_cookies(request))


def store_sign_in(request: Request, signed_in: SignedIn) -> list[str]:
    """Return the cookies that store a new session and mark it as the browser's."""
    parts, now = parts_of(request), int(time.time())
    device = parts.devices.make(LastSignIn(signed_in.user.id, str(signed_in.session.id)), now)
    _, cookies = seal_session(request, signed_in)
    names, sent = parts.cookies, read_cookies(request)
    return cookies + [line for name in names.devices for line in names.set(name, device, sent, now + MAX_AGE)]


def seal_for(
    parts: Parts, user: User, session: Session, access_token: str, sent: Iterable[str]
) -> tuple[SessionClaims, list[str]]:
    """Return the same as ``seal_session`` for a browser that ``sent`` cookies of these names."""
    claims = {
        "name": user.name,
        "email": user.email,
        "sub": str(user.id),
        "id": parts.protocol.user_id(user.id),
        "sid": str(session.id),
        "accessToken": access_token,
    }
    now, ends_at = int(time.time()), int(session.ends_at.timestamp())
    stamped = parts.sealer.stamp(claims, now, min(ends_at, now + int(parts.sessions.idle_age.total_seconds())))
    sealed = parts.sealer.seal_stamped(stamped)
    return stamped, session_cookies(parts.cookies, sealed, ends_at, sent)


def clear_session(request: Request) -> list[str]:
    """Return the cookies that make the browser forget its session, every piece that it sent."""
    return clear_pieces(parts_of(request), read_cookies(request))


async def clear_ended_session(request: Request) -> list[str]:
    """Return the same if the session cookie names no live session, unless that was replaced."""
    return await clear_ended_pieces(parts_of(request), list_session_ids(request), read_cookies(request))


async def clear_ended_pieces(parts: Parts, session_ids: Sequence[SessionId], sent: Iterable[str]) -> list[str]:
    """Return the same for a browser whose cookies named these sessions and that ``sent`` cookies of these names."""
    pieces = clear_pieces(parts, sent)
    is_replaced = pieces and session_ids and await parts.sessions.find_ending(session_ids[0]) == Ending.REPLACED
    return [] if is_replaced else pieces


def clear_pieces(parts: Parts, sent: Iterable[str]) -> list[str]:
    """Return the cookies that clear the pieces of a session cookie among those ``sent``."""
    names = parts.cookies
    return [line for piece in list_session_pieces(sent, names.session) for line in names.clear(piece)]


def add_cookies(response: Response, cookies: Iterable[str]) -> Response:
    """Return the response with ``Set-Cookie`` fields added."""
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    return response


def read_cookies(request: Request) -> Mapping[str, str]:
    """Return the request's cookies, parsed once."""
    scope = request.scope
    if _COOKIES not in scope:
        scope[_COOKIES] = parse_cookies(scope["headers"])
    cookies: Mapping[str, str] = scope[_COOKIES]
    return cookies


def _open_session(request: Request) -> SessionClaims:
    parts = parts_of(request)
    sealed = find_session_value(read_cookies(request), parts.cookies.session)
    return (parts.sealer.open(sealed, int(time.time())) if sealed else None) or {}


def _is_good(request: Request, token: str, user: User, session: Session) -> bool:
    """Tell whether an access token is of this session, matches the user as they are now, and won't expire too soon."""
    state, now = request.app.state, int(time.time())
    caller = authenticate_token(token, state.access_tokens, state.revocations, now)
    if not isinstance(caller, SignedInCaller) or not caller.claims.is_fresh(now):
        return False
    claims = caller.claims
    told = (claims.session_id, claims.user_id, claims.name, claims.email, claims.roles)
    return told == (str(session.id), user.id, user.name, user.email, user.roles)
