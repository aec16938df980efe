"""What we keep in a browser: the csrf token, the page it wanted, and the session. All in NextAuth's own cookies.

Found in a request's cookies, and written as ``Set-Cookie`` values. The session cookie only names the session; the row
in the database is the truth, so a cookie of a revoked session is no session.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from auth_service.clients import identify_client
from auth_service.live_sessions import SignedIn, read_session_id
from auth_service.parts import Parts, parts_of
from auth_service.redirects import safe_redirect
from auth_service.sessions import Ending, Session, SessionId
from auth_service.users import User
from shared.authentication import User as SignedInCaller
from shared.authentication import authenticate_token
from shared.request_context import record_of
from shared.session_cookie import (
    clear_cookie,
    find_session_value,
    list_session_pieces,
    parse_cookies,
    session_cookies,
    set_cookie,
)

RENEW_BEFORE = 60  # seconds before its end at which an access token is replaced


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A live session found in a browser; ``is_renewed`` when the access token there had to be replaced."""

    user: User
    session: Session
    access_token: str
    is_renewed: bool = False


def offer_csrf_token(request: Request) -> tuple[str, list[str]]:
    """Return the browser's csrf token, a new one where it has none, and the cookies to set for it."""
    parts = parts_of(request)
    token = parts.csrf.find_token(_cookies(request).get(parts.cookies.csrf))
    if token is not None:
        return token, []
    token = parts.csrf.make()
    return token, [set_cookie(parts.cookies.csrf, parts.csrf.seal(token), secure=parts.cookies.secure)]


def is_csrf_verified(request: Request, fields: Mapping[str, str]) -> bool:
    """Tell whether a form was made by a page of ours in this very browser."""
    parts = parts_of(request)
    return parts.csrf.is_verified(_cookies(request).get(parts.cookies.csrf), fields.get("csrfToken", ""))


def has_csrf_cookie(request: Request) -> bool:
    """Tell whether the browser sent a csrf cookie, whatever is in it: one that keeps no cookies never does."""
    return parts_of(request).cookies.csrf in _cookies(request)


def choose_callback_url(request: Request, fields: Mapping[str, str]) -> str:
    """Return where to go afterwards: what the body asks for, else the query, else the cookie; else the first page."""
    parts = parts_of(request)
    places = (fields.get("callbackUrl"), request.query_params.get("callbackUrl"), _callback_cookie(request))
    wanted = next(filter(None, places), "")
    return safe_redirect(wanted, parts.public_url) or parts.public_url


def remember_callback_url(request: Request, callback_url: str) -> list[str]:
    """Return the cookie to set so that the browser keeps where to go afterwards; nothing when it does already."""
    names = parts_of(request).cookies
    if _callback_cookie(request) == callback_url:
        return []
    return [set_cookie(names.callback, callback_url, secure=names.secure)]


async def find_browser_session(request: Request) -> BrowserSession | None:
    """Return the live session of the browser, with an access token that is good for a while; or None."""
    parts = parts_of(request)
    claims = _open_session(request)
    session_id = read_session_id(claims.get("sid"))
    found = await parts.sessions.use(session_id) if session_id else None
    if found is None:
        return None
    user, session = found
    record_of(request.scope).user_name = user.name
    token = claims.get("accessToken")
    if isinstance(token, str) and _is_good(request, token, user, session):
        return BrowserSession(user, session, token)
    return BrowserSession(user, session, parts.sessions.sign_access_token(user, session), is_renewed=True)


def find_session_id(request: Request) -> SessionId | None:
    """Return the session that the browser's cookie names, live or not."""
    return read_session_id(_open_session(request).get("sid"))


def note_reader(request: Request) -> None:
    """Let the head of a page name whom the browser's cookie names; for pages that ask no database."""
    name = _open_session(request).get("name")
    record_of(request.scope).user_name = name if isinstance(name, str) else None


def seal_session(request: Request, user: User, session: Session, access_token: str) -> tuple[str, list[str]]:
    """Return the sealed session and the cookies that store it until its absolute end; note for the log whose it is."""
    record = record_of(request.scope)
    record.user_id, record.session_id = user.id, str(session.id)
    return seal_for(parts_of(request), user, session, access_token, _cookies(request))


async def replace_session(request: Request, signed_in: SignedIn) -> list[str]:
    """Return the cookies that store a new session, and end the one that they take the place of."""
    replaced = find_session_id(request)
    if replaced is not None:  # the browser forgets it, so nobody could end it any more
        await parts_of(request).sessions.end(replaced, Ending.REPLACED, identify_client(request))
    return seal_session(request, signed_in.user, signed_in.session, signed_in.access_token)[1]


def seal_for(
    parts: Parts, user: User, session: Session, access_token: str, sent: Iterable[str]
) -> tuple[str, list[str]]:
    """Return the same for a browser that ``sent`` cookies of these names."""
    claims = {
        "name": user.name,
        "email": user.email,
        "sub": str(user.id),
        "id": user.id,
        "sid": str(session.id),
        "accessToken": access_token,
    }
    sealed = parts.sealer.seal(claims, int(time.time()))
    return sealed, session_cookies(parts.cookies, sealed, int(session.ends_at.timestamp()), sent)


def clear_session(request: Request) -> list[str]:
    """Return the cookies that make the browser forget its session, every piece that it sent."""
    return clear_pieces(parts_of(request), _cookies(request))


def clear_pieces(parts: Parts, sent: Iterable[str]) -> list[str]:
    """Return the same for a browser that ``sent`` cookies of these names."""
    names = parts.cookies
    return [clear_cookie(piece, secure=names.secure) for piece in list_session_pieces(sent, names.session)]


def add_cookies(response: Response, cookies: Iterable[str]) -> Response:
    """Return the response with ``Set-Cookie`` fields added."""
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    return response


def _cookies(request: Request) -> dict[str, str]:
    return parse_cookies(request.scope["headers"])


def _callback_cookie(request: Request) -> str | None:
    return _cookies(request).get(parts_of(request).cookies.callback)


def _open_session(request: Request) -> Mapping[str, object]:
    parts = parts_of(request)
    sealed = find_session_value(_cookies(request), parts.cookies.session)
    return (parts.sealer.open(sealed, int(time.time())) if sealed else None) or {}


def _is_good(request: Request, token: str, user: User, session: Session) -> bool:
    """Tell whether an access token is of this session, tells the user's present name, and has a while to live."""
    state = request.app.state
    caller = authenticate_token(token, state.access_tokens, state.revocations, int(time.time()) + RENEW_BEFORE)
    if not isinstance(caller, SignedInCaller):
        return False
    claims = caller.claims
    return (claims.session_id, claims.user_id, claims.name) == (str(session.id), user.id, user.name)
