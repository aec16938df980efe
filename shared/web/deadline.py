"""Every request is answered within ten seconds: one without an answer by then is cancelled, with 503.

Pure ASGI. The clock starts at the end of the request's body, for its speed is up to the client and the gateway. The
work is cancelled where it waits; the outcome of a write that was being committed is then unknown to the caller, who
repeats it with its ``Idempotency-Key``. Not for the gateway, which passes on answers of any length.
"""

import asyncio
from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Unavailable
from shared.timing import ANSWER_WITHIN
from shared.web.error_responses import render_error

log = structlog.get_logger("deadline")


class DeadlineMiddleware:
    """Sends 503 if the application has not started its answer in time."""

    def __init__(self, app: ASGIApp, seconds: float = ANSWER_WITHIN) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = asyncio.timeout(self.seconds)
        is_started = False

        async def note_body() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time() + self.seconds)
            return message

        def note_start(message: Message) -> Awaitable[None]:
            nonlocal is_started
            is_started = True
            return send(message)

        try:
            async with limit:
                await self.app(scope, note_body, note_start)
        except TimeoutError:
            if is_started or not limit.expired():
                raise
            log.warning("request_given_up")
            await render_error(scope, Unavailable())(scope, receive, send)
