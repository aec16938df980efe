"""The JSON API of the auth service: parse, call the use cases, respond. No SQL and no cryptography here.

Endpoints for one's own account need a live session: its row is looked up, a valid access token is not enough.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.api.mail_schemas import LetterView
from auth_service.api.schemas import (
    AccountChange,
    DeviceQuery,
    DeviceView,
    MeView,
    Password,
    PasswordChange,
    RefreshToken,
    SignedInView,
    SignIn,
    SignUp,
    TokensView,
    UserView,
)
from auth_service.browser.cookies import add_cookies
from auth_service.clients import Client, identify_client
from auth_service.mail.codes import LIFETIME
from auth_service.parts import parts_of
from auth_service.sessions.sessions import read_session_id
from auth_service.signing_in import Proof
from auth_service.tables.sessions import Ending, Session, SessionId
from auth_service.tables.users import User
from shared.errors import NotFound, Unauthorized
from shared.observing.request_context import record_of
from shared.tokens.authentication import Anonymous, Reason, challenge, note_caller, require_user
from shared.web.routes import operation
from shared.web.schemas import ErrorView, View

MAX_BODY = 4096  # bytes


@operation(
    "Sign up",
    body=SignUp,
    answers={201: UserView, 403: ErrorView, 409: ErrorView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Accounts",
)
async def create_user(request: Request, wanted: SignUp) -> Response:
    """Create an account, where everybody may, or by an operator's invitation. The new user is not signed in yet."""
    client = note_invitation(identify_client(request), wanted)
    return answer_new_user(await parts_of(request).accounts.sign_up(wanted, client))


@operation(
    "Sign in",
    body=SignIn,
    answers={200: SignedInView, 401: ErrorView, 403: ErrorView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Sessions",
)
async def create_session(request: Request, offered: SignIn) -> Response:
    """Start a session and return its access token and refresh token."""
    parts = parts_of(request)
    proof = Proof(offered.username, offered.password)
    signed_in = await parts.signing_in.sign_in(proof, identify_client(request))
    record = record_of(request.scope)
    record.user_id, record.session_id = signed_in.user.id, str(signed_in.session.id)
    return _answer(
        SignedInView(
            **asdict(signed_in.user),
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            expires_in=signed_in.expires_in,
        )
    )


@operation(
    "Exchange a refresh token",
    body=RefreshToken,
    answers={200: TokensView, 401: ErrorView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Sessions",
)
async def refresh_tokens(request: Request, offered: RefreshToken) -> Response:
    """Exchange a refresh token, which can be used once, for a new access token and refresh token."""
    parts = parts_of(request)
    refreshed = await parts.sessions.refresh(offered.refresh_token, identify_client(request))
    record = record_of(request.scope)
    record.user_id, record.session_id = refreshed.user.id, str(refreshed.session.id)
    tokens = TokensView.model_validate(refreshed, from_attributes=True)
    return _answer(tokens, headers={"Cache-Control": "no-store"})


@operation("Sign out", answers={204: None}, caller="required", tag="Sessions")
async def end_session(request: Request) -> Response:
    """End the caller's session. Repeating it does no harm."""
    await parts_of(request).sessions.end(callers_session(request), Ending.SIGNED_OUT, identify_client(request))
    return Response(status_code=204)


@operation("Who am I", answers={200: MeView}, caller="required", tag="Accounts")
async def show_me(request: Request) -> Response:
    """Return the caller's account as it is now, whatever the access token says."""
    return await _answer_me(request, *await get_live_session(request))


@operation(
    "Change my account",
    body=AccountChange,
    answers={200: MeView, 429: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def change_me(request: Request, change: AccountChange) -> Response:
    """Change the caller's name."""
    user, session = await get_live_session(request)
    if change.name is not None:
        user = await parts_of(request).accounts.rename(user, change.name, identify_client(request))
    return await _answer_me(request, user, session)


@operation(
    "Delete my account",
    body=Password,
    answers={204: None, 429: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def delete_me(request: Request, offered: Password) -> Response:
    """Delete the caller's account, with all their sessions and posts. Without a password: after a recent sign-in."""
    user, session = await get_live_session(request)
    await parts_of(request).accounts.delete_own(user, session, offered.password, identify_client(request))
    return Response(status_code=204)


@operation(
    "Change my password",
    body=PasswordChange,
    answers={204: None, 409: ErrorView, 429: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def change_password(request: Request, wanted: PasswordChange) -> Response:
    """Change the caller's password and end all their other sessions. The first one: after a recent sign-in."""
    user, session = await get_live_session(request)
    await parts_of(request).accounts.change_password(user, wanted, session, identify_client(request))
    return Response(status_code=204)


@operation("My sessions", query=DeviceQuery, answers={200: [DeviceView]}, caller="required", tag="Sessions")
async def list_sessions(request: Request, query: DeviceQuery) -> Response:
    """Return the caller's live sessions, newest first."""
    user, current = await get_live_caller(request), callers_session(request)
    after = SessionId(query.cursor) if query.cursor else None
    devices = await parts_of(request).sessions.list_devices(user.id, after, query.limit + 1)
    shown, headers = devices[: query.limit], {}
    if len(devices) > query.limit:
        parameters = urlencode({"limit": query.limit, "cursor": shown[-1].session_id})
        headers["Link"] = f'<{parts_of(request).public_url}/api/me/sessions?{parameters}>; rel="next"'
    views = [DeviceView(id=one.session_id, current=one.session_id == current, **asdict(one)) for one in shown]
    return JSONResponse([view.model_dump(mode="json", by_alias=True) for view in views], headers=headers)


@operation("End one of my sessions", answers={204: None, 404: ErrorView}, caller="required", tag="Sessions")
async def end_one_session(request: Request) -> Response:
    """End one of the caller's sessions, which may be the current one."""
    user, session_id = await get_live_caller(request), read_session_id(request.path_params["sid"])
    client = identify_client(request)
    sessions = parts_of(request).sessions
    if session_id is None or await sessions.end(session_id, Ending.ENDED_BY_USER, client, user_id=user.id) is None:
        raise NotFound
    return Response(status_code=204)


@operation("End all my other sessions", answers={204: None}, caller="required", tag="Sessions")
async def end_other_sessions(request: Request) -> Response:
    """End all of the caller's sessions except the current one."""
    user, current = await get_live_caller(request), callers_session(request)
    await parts_of(request).sessions.end_others(user, current, identify_client(request))
    return Response(status_code=204)


def note_invitation(client: Client, wanted: SignUp) -> Client:
    """Return the client with the invitation that it sends along, if any."""
    return client if wanted.invitation is None else replace(client, invitation=wanted.invitation)


def answer_new_user(user: User) -> Response:
    """Return the answer to whoever has signed up."""
    return _answer(_view(user), status=201, headers={"Location": f"/api/user/{user.id}"})


def answer_asker(cookies: Sequence[str]) -> Response:
    """Return the answer to whoever asked for a letter, with the cookies that keep their flow: always the same."""
    return add_cookies(_answer(LetterView(expires_in=int(LIFETIME.total_seconds())), status=202), cookies)


async def get_live_caller(request: Request) -> User:
    """Return the caller, whose session must be live; otherwise raise Unauthorized."""
    return (await get_live_session(request))[0]


async def get_live_session(request: Request) -> tuple[User, Session]:
    """Return the caller with their session, which must be live; otherwise raise Unauthorized."""
    found = await parts_of(request).sessions.find_live(callers_session(request))
    if found is None:
        ended = Anonymous(Reason.REVOKED)
        note_caller(request, ended)
        raise Unauthorized(challenge=challenge(ended))
    return found


def callers_session(request: Request) -> SessionId:
    """Return the session that the caller's token names, live or not."""
    return SessionId(uuid.UUID(require_user(request).claims.session_id))


def _view(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)


async def _answer_me(request: Request, user: User, session: Session) -> Response:
    has_password = (await parts_of(request).accounts.get_reauthentication(user, session)).has_password
    about = _view(user).model_dump()
    return _answer(MeView(**about, email_verified=user.email_verified_at, has_password=has_password))


def _answer(view: View, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    content = view.model_dump_json(by_alias=True)
    return Response(content, status_code=status, headers=headers, media_type="application/json")
