"""NextAuth's REST protocol under ``/api/auth``, as next-auth speaks it; ``next-auth/react`` is its client.

In *JSON mode*, which the client selects, an answer that would be a redirect is ``{"url": "<absolute URL>"}``. Without
it, a browser sent a form: it is redirected, or shown the form again. Every URL sent is absolute and begins with the
public URL, never with the request's Host. In which the protocol's versions differ: ``shared.tokens.protocol``.
"""

import datetime as dt
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.api.schemas import AccountChange
from auth_service.browser.cookies import (
    BrowserSession,
    add_cookies,
    choose_callback_url,
    clear_ended_session,
    clear_session,
    find_browser_session,
    is_csrf_verified,
    list_session_ids,
    note_reader,
    offer_csrf_token,
    read_cookies,
    remember_callback_url,
    rename,
    seal_session,
    store_sign_in,
)
from auth_service.browser.first_page import choose_after_sign_out
from auth_service.clients import identify_client
from auth_service.errors import (
    EmailUnproven,
    InvalidCredentials,
    LinkRefused,
    NoAddress,
    ProviderDown,
)
from auth_service.guessing.rules import LimitName
from auth_service.pages.forms import MAX_LEADING_FORM, explain_csrf
from auth_service.pages.sign_in import (
    LINK_SENT,
    NO_LINKS,
    NOTICES,
    UNKNOWN_NOTICE,
    notice_page,
    sign_in_page,
    sign_out_page,
)
from auth_service.parts import parts_of, providers_of
from auth_service.tables.sessions import Ending
from auth_service.ways.error_names import ERROR_NAMES, SHOWN_ON_SIGN_IN_PAGE, name_error
from auth_service.ways.way import Fields, Way
from shared.errors import AppError, BadRequest, Forbidden, Throttled, Unavailable
from shared.language.sentences import Sentence
from shared.web.bodies import media_type, parse_json, read_bytes, read_form
from shared.web.schemas import validate

MAX_LOG_BODY = 4096
HALF_PAIR = re.compile("[\ud800-\udfff]")  # of surrogates: JSON can write one alone, UTF-8 can't

NEVER_STORED = {"Cache-Control": "private, no-cache, no-store", "Pragma": "no-cache", "Expires": "0"}


async def show_csrf_token(request: Request) -> Response:
    """Return the browser's csrf token."""
    token, cookies = offer_csrf_token(request)
    return add_cookies(JSONResponse({"csrfToken": token}, headers=NEVER_STORED), cookies)


async def show_providers(request: Request) -> Response:
    """Return the ways to sign in."""
    providers = {
        way.id: {
            "id": way.id,
            "name": way.name,
            "type": way.type,
            "signinUrl": parts_of(request).public_url + way.start_path,
            "callbackUrl": parts_of(request).public_url + way.callback_path,
        }
        for way in parts_of(request).ways
    }
    return JSONResponse(providers)


async def show_session(request: Request) -> Response:
    """Return who is signed in, and renew the cookie; ``Protocol.nobody`` for nobody. Never redirects."""
    return await _answer_session(request, await find_browser_session(request))


async def update_session(request: Request) -> Response:
    """Change the session's data (the client's ``update(data)``): only the name. Answers like ``show_session``.

    400 and nobody's session without a verified csrf token, or if the data is no object. Invalid for a name that can't
    be one.
    """
    members = await _read_members(request)
    wanted = members.get("data") or {}
    if not is_csrf_verified(request, _texts_of(members)) or not isinstance(wanted, dict):
        return JSONResponse(parts_of(request).protocol.nobody, status_code=400, headers=NEVER_STORED)
    found = await find_browser_session(request)
    if found is not None and "name" in wanted:
        found = await rename(request, found, validate(AccountChange, {"name": wanted["name"]}).name)
    return await _answer_session(request, found)


async def start_sign_in(way: Way, request: Request) -> Response:
    """Lead to where a way to sign in begins: by default the sign-in page."""
    fields = await _read_fields(request)
    if not is_csrf_verified(request, fields):
        return _answer_url(request, fields, parts_of(request).protocol.name_forgery("signin"))
    if way.begin is None:
        return _answer_url(request, fields, "/signin")
    callback_url = choose_callback_url(request, fields)
    try:
        begun = await way.begin(request, fields)
    except ProviderDown as refusal:
        return _answer_url(request, fields, parts_of(request).protocol.name_failure(name_error(refusal)))
    except (NoAddress, Throttled, Unavailable) as refusal:
        return _refuse_sign_in(way, request, fields, callback_url, refusal)
    answer = _answer_url(request, fields, begun.url)
    return add_cookies(answer, [*remember_callback_url(request, callback_url), *begun.cookies])


async def sign_in(way: Way, request: Request) -> Response:
    """Sign in with the proof that was sent, and set the session cookie."""
    fields = await _read_fields(request)
    callback_url = choose_callback_url(request, fields)
    if not is_csrf_verified(request, fields):
        return _refuse_sign_in(way, request, fields, callback_url, Forbidden())
    try:
        proof, client = await way.read_proof(request, fields), identify_client(request)
        signed_in = await parts_of(request).signing_in.sign_in(proof, client, list_session_ids(request))
    except LinkRefused as refusal:
        return _answer_url(request, fields, "/error?error=Verification", refusal)
    except (InvalidCredentials, EmailUnproven, Throttled, Unavailable) as refusal:
        return _refuse_sign_in(way, request, fields, callback_url, refusal)
    cookies = [*remember_callback_url(request, callback_url), *store_sign_in(request, signed_in)]
    return add_cookies(_answer_url(request, fields, callback_url), cookies)


async def finish_sign_in(way: Way, request: Request) -> Response:
    """Sign in with what a browser brings along that another provider led back here; else lead to the error's page."""
    try:
        proof, client = await way.read_proof(request, {}), identify_client(request)
        signed_in = await parts_of(request).signing_in.sign_in(proof, client, list_session_ids(request))
    except tuple(ERROR_NAMES) as refusal:
        return _answer_url(request, {}, parts_of(request).protocol.name_failure(name_error(refusal)))
    forgotten = providers_of(request).cookies.clear(read_cookies(request))
    answer = _answer_url(request, {}, choose_callback_url(request, {}))
    return add_cookies(answer, [*store_sign_in(request, signed_in), *forgotten])


async def sign_out(request: Request) -> Response:
    """End every session that the browser's cookies name, and clear the session cookie."""
    fields = await _read_fields(request)
    if not is_csrf_verified(request, fields):
        if _is_json_mode(request, fields):
            return _answer_url(request, fields, parts_of(request).protocol.name_forgery("signout"), Forbidden())
        note_reader(request)
        return sign_out_page(request, status=403, problem=explain_csrf(request))
    for session_id in list_session_ids(request):
        await parts_of(request).sessions.end(session_id, Ending.SIGNED_OUT, identify_client(request))
    callback_url = choose_callback_url(request, fields)
    landing = callback_url if _is_json_mode(request, fields) else choose_after_sign_out(request, callback_url)
    response = _answer_url(request, fields, landing)
    return add_cookies(response, [*remember_callback_url(request, callback_url), *clear_session(request)])


async def show_error(request: Request) -> Response:
    """Show what went wrong, on the sign-in page if signing in again can fix it."""
    error = request.query_params.get("error", "")
    if error in SHOWN_ON_SIGN_IN_PAGE:
        location = f"{parts_of(request).public_url}/api/auth/signin?error={error}"
        return Response(status_code=302, headers={"Location": location})
    return notice_page(request, *NOTICES.get(error, UNKNOWN_NOTICE))


async def show_verify_request(request: Request) -> Response:
    """Show the page after a link was mailed, if any are."""
    is_sent = any(way.id == "email" for way in parts_of(request).ways)
    notice = LINK_SENT if is_sent else NO_LINKS
    return notice_page(request, *notice, leads_on=not is_sent)


async def take_log(request: Request) -> Response:
    """Accept a client's error report, and drop it: anybody can send one, so it proves nothing.

    BadRequest for a body that claims to be JSON and is not, as in next-auth.
    """
    await parts_of(request).admission.admit_address(LimitName.LOG, identify_client(request))
    body = await read_bytes(request, MAX_LOG_BODY)
    if body and media_type(request) == "application/json":
        parse_json(body)
    return Response()


async def refuse_unknown(request: Request) -> Response:
    """Refuse requests that are not part of the protocol."""
    said = parts_of(request).protocol.unknown
    if said is not None:
        return JSONResponse(said, status_code=400, headers=NEVER_STORED)
    raise BadRequest(Sentence("{method} is not understood here", method=request.method))


async def _answer_session(request: Request, found: BrowserSession | None) -> Response:
    """Return a browser's session for its client, with the cookie that keeps or clears it."""
    if found is None:
        nobody = JSONResponse(parts_of(request).protocol.nobody, headers=NEVER_STORED)
        return add_cookies(nobody, await clear_ended_session(request))
    claims, cookies = seal_session(request, found)
    user = {name: value for name, value in claims.items() if name != "sid"}
    expires = found.session.ends_at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return add_cookies(JSONResponse({"user": user, "expires": expires}, headers=NEVER_STORED), cookies)


async def _read_fields(request: Request) -> dict[str, str]:
    """Return the text members of a body, be it JSON or a form."""
    if media_type(request) != "application/json":
        return await read_form(request, MAX_LEADING_FORM)
    return _texts_of(await _read_members(request))


async def _read_members(request: Request) -> dict[str, object]:
    """Return the members of a JSON body."""
    members = parse_json(await read_bytes(request, MAX_LEADING_FORM))
    if not isinstance(members, dict):
        raise BadRequest("The body is not an object")
    return members


def _texts_of(members: Mapping[str, object]) -> dict[str, str]:
    return {name: text for name, text in members.items() if isinstance(text, str) and not HALF_PAIR.search(text)}


def _refuse_sign_in(way: Way, request: Request, fields: Fields, callback_url: str, refusal: AppError) -> Response:
    """Show the form again; in JSON mode, return the error's URL, without which the client fails, and the facts.

    Either way the browser remembers where to go: next-auth's client reads it from the cookie after a second try.
    """
    error = name_error(refusal)
    later = refusal if isinstance(refusal, Throttled | Unavailable) else None
    if _is_json_mode(request, fields):
        place = parts_of(request).protocol.name_refusal(error, way.id)
        answer = _answer_url(request, fields, place, refusal)
        add_cookies(answer, remember_callback_url(request, callback_url))
    else:
        wait, status = later.retry_after if later else None, refusal.status
        answer = sign_in_page(request, callback_url, status=status, typed=fields, error=error, retry_after=wait)
    answer.headers.update(later.headers if later else {})
    return answer


def _is_json_mode(request: Request, fields: Fields) -> bool:
    return parts_of(request).protocol.is_json_mode(request.headers, fields)


def _answer_url(request: Request, fields: Fields, place: str, refusal: AppError | None = None) -> Response:
    """Lead to a URL, or to a place below ``/api/auth``; in JSON mode say what was refused, as clients expect it."""
    parts = parts_of(request)
    url = f"{parts.public_url}/api/auth{place}" if place.startswith("/") else place
    if not _is_json_mode(request, fields):
        return Response(status_code=302, headers={"Location": url})
    status = refusal.status if refusal is not None and parts.protocol.fails_by_status else 200
    facts = refusal.facts if isinstance(refusal, Throttled | Unavailable) else {}
    return JSONResponse({"url": url, **facts}, status_code=status)
