"""Every request is answered within ten seconds: what has no answer by then is given up, with 503.

Pure ASGI. The time counts from the end of the request's body, for how fast that comes is the client's affair and the
gateway's. What was begun is cancelled where it waits; a write that was being committed is then unknown to the caller,
who repeats it with its ``Idempotency-Key``. Not for the gateway, which passes on answers of any length.
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
    """Answers 503 for the application when that has begun no answer in time."""

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
