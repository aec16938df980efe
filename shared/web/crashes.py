"""What happens when our own code fails: the traceback is logged once, and the client gets a plain 500, nothing more.

Pure ASGI, the innermost middleware, so that this answer too carries the request's id and the protective headers, which
it would not from Starlette's outermost handler.
"""

from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import AppError
from shared.web.error_responses import render_error

log = structlog.get_logger("faults")


class FaultMiddleware:
    """Answers 500 for whatever the wrapped application raises."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_started = False

        def note_start(message: Message) -> Awaitable[None]:
            nonlocal is_started
            is_started = True
            return send(message)

        try:
            await self.app(scope, receive, note_start)
        except Exception:
            if is_started:
                raise  # half an answer is out: the connection must end
            log.exception("request_failed")
            await render_error(scope, AppError())(scope, receive, send)
