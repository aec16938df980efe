"""The JSON API for a forgotten password, where there is mail.

A code is good for the client that asked for it, which keeps the flow cookie of the first answer (``curl -c``, ``-b``).
"""

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.account import MAX_BODY, answer_asker
from auth_service.api.mail_schemas import LetterView, PasswordReset, PasswordResetRequest
from auth_service.browser.flow import identify_asker
from auth_service.clients import identify_client
from auth_service.parts import mail_of
from shared.web.routes import operation
from shared.web.schemas import ErrorView


@operation(
    "Ask for a new password",
    body=PasswordResetRequest,
    answers={202: LetterView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Accounts",
)
async def ask_for_reset(request: Request, wanted: PasswordResetRequest) -> Response:
    """Send a letter with a code, or one that says that there is no such account; the response is the same.

    It sets a cookie, without which the code is not accepted.
    """
    client, cookies = identify_asker(request)
    await mail_of(request).recovery.ask(wanted.email, client)
    return answer_asker(cookies)


@operation(
    "Set a new password with a code",
    body=PasswordReset,
    answers={204: None, 400: ErrorView, 429: ErrorView},
    max_body=MAX_BODY,
    tag="Accounts",
)
async def reset_password(request: Request, wanted: PasswordReset) -> Response:
    """Set a new password, which ends all sessions and starts none.

    A code is good once, for ten minutes and five tries, for the client that asked for it.
    """
    await mail_of(request).recovery.set_password(wanted, identify_client(request))
    return Response(status_code=204)
