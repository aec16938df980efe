"""The JSON API of the auth service: parse, hand over to ``accounts``, answer. No SQL and no cryptography here."""

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.clients import identify_client
from auth_service.parts import parts_of
from auth_service.schemas import SignedInView, SignIn, SignUp, UserView
from auth_service.sessions import SessionId
from auth_service.users import User
from shared.authentication import Anonymous, Reason, challenge, note_caller, require_user
from shared.errors import Unauthorized
from shared.request_context import record_of
from shared.routes import operation
from shared.schemas import ErrorView, View

MAX_BODY = 4096  # bytes


@operation("Sign up", body=SignUp, answers={201: UserView, 409: ErrorView, 429: ErrorView}, max_body=MAX_BODY)
async def create_user(request: Request, wanted: SignUp) -> Response:
    """Sign somebody up."""
    user = await parts_of(request).accounts.sign_up(wanted, identify_client(request))
    return _answer(_view(user), status=201, headers={"Location": f"/api/user/{user.id}"})


@operation("Sign in", body=SignIn, answers={200: SignedInView, 401: ErrorView, 429: ErrorView}, max_body=MAX_BODY)
async def create_session(request: Request, offered: SignIn) -> Response:
    """Sign somebody in and answer the tokens."""
    parts = parts_of(request)
    signed_in = await parts.accounts.sign_in(offered, identify_client(request))
    record = record_of(request.scope)
    record.user_id, record.session_id = signed_in.user.id, str(signed_in.session.id)
    user = _view(signed_in.user)
    return _answer(
        SignedInView(
            **user.model_dump(),
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            expires_in=parts.access_tokens.ttl,
        )
    )


@operation("Who am I", answers={200: UserView}, caller="required")
async def show_me(request: Request) -> Response:
    """Answer the caller, as the database knows them now. The caller's session must be live."""
    user = await parts_of(request).accounts.find_signed_in(_callers_session(request))
    if user is None:
        ended = Anonymous(Reason.REVOKED)
        note_caller(request, ended)
        raise Unauthorized(challenge=challenge(ended))
    return _answer(_view(user))


@operation("Sign out", answers={204: None}, caller="required")
async def end_session(request: Request) -> Response:
    """End the caller's session; again is as good as once."""
    await parts_of(request).accounts.sign_out(_callers_session(request), identify_client(request))
    return Response(status_code=204)


def _callers_session(request: Request) -> SessionId:
    return SessionId(uuid.UUID(require_user(request).claims.session_id))


def _view(user: User) -> UserView:
    return UserView(
        id=user.id, name=user.name, email=user.email, created_at=user.created_at, updated_at=user.updated_at
    )


def _answer(view: View, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(view.model_dump(mode="json", by_alias=True), status_code=status, headers=headers)
