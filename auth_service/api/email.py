"""The JSON API for proving an e-mail address: the present one, a new one, and one that somebody signs up with.

Whoever asks gets 202 and a flow cookie, whether or not the address has an account. The code in the letter is taken
together with that cookie.
"""

import time

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.account import (
    MAX_BODY,
    answer_asker,
    answer_new_user,
    callers_session,
    get_live_caller,
    note_invitation,
)
from auth_service.api.mail_schemas import LetterView, NewEmail, SignUpCode, TypedCode
from auth_service.api.schemas import SignUp, UserView
from auth_service.browser.flow import identify_asker
from auth_service.clients import identify_client
from auth_service.parts import mail_of
from auth_service.providers.recent_proofs import MAX_AUTH_AGE
from shared.errors import Unauthorized
from shared.tokens.authentication import ask_for_recent_sign_in, require_user
from shared.tokens.claims import is_recent
from shared.web.routes import operation
from shared.web.schemas import ErrorView


@operation(
    "Sign up",
    body=SignUp,
    answers={202: LetterView, 403: ErrorView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Accounts",
)
async def ask_to_sign_up(request: Request, wanted: SignUp) -> Response:
    """Send a code to the address. The account is created by the code, in the browser that asked for it."""
    client, cookies = identify_asker(request)
    await mail_of(request).proofs.ask_to_sign_up(wanted, note_invitation(client, wanted))
    return answer_asker(cookies)


@operation(
    "Sign up by the code",
    body=SignUpCode,
    answers={201: UserView, 400: ErrorView, 403: ErrorView, 409: ErrorView},
    max_body=MAX_BODY,
    tag="Accounts",
)
async def confirm_sign_up(request: Request, offered: SignUpCode) -> Response:
    """Create the account that the code was sent for. The new user is not signed in yet."""
    return answer_new_user(
        await mail_of(request).proofs.confirm_sign_up(offered.email, offered.code, identify_client(request))
    )


@operation("Confirm my e-mail address", answers={202: LetterView, 429: ErrorView}, caller="required", tag="Accounts")
async def ask_for_present(request: Request) -> Response:
    """Send a code to the caller's address, unless it is proven."""
    user, (client, cookies) = await get_live_caller(request), identify_asker(request)
    await mail_of(request).proofs.ask_for_present(user, client)
    return answer_asker(cookies)


@operation(
    "Confirm my e-mail address by the code",
    body=TypedCode,
    answers={204: None, 400: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def confirm_present(request: Request, offered: TypedCode) -> Response:
    """Take the code that was sent to the caller's address as the proof that it is theirs."""
    user = await get_live_caller(request)
    await mail_of(request).proofs.confirm_present(user, offered.code, identify_client(request))
    return Response(status_code=204)


@operation(
    "Move to another e-mail address",
    body=NewEmail,
    answers={202: LetterView, 429: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def ask_to_move(request: Request, wanted: NewEmail) -> Response:
    """Send a code to the address that the account is to have. The caller must have signed in a moment ago."""
    user, (client, cookies) = await get_live_caller(request), identify_asker(request)
    if not is_recent(require_user(request).claims.authenticated_at, MAX_AUTH_AGE, int(time.time())):
        raise Unauthorized(challenge=ask_for_recent_sign_in(MAX_AUTH_AGE))
    await mail_of(request).proofs.ask_to_move(user, wanted.email, client)
    return answer_asker(cookies)


@operation(
    "Move to another e-mail address by the code",
    body=TypedCode,
    answers={204: None, 400: ErrorView, 409: ErrorView},
    caller="required",
    max_body=MAX_BODY,
    tag="Accounts",
)
async def confirm_move(request: Request, offered: TypedCode) -> Response:
    """Give the account the address that the code was sent to, and end all other sessions."""
    user, session_id = await get_live_caller(request), callers_session(request)
    await mail_of(request).proofs.confirm_move(user, session_id, offered.code, identify_client(request))
    return Response(status_code=204)
