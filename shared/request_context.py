"""What one request is called and what is said of it: its id in and out, one log line, one count.

Pure ASGI. A request id that comes well-formed is kept, so that one id follows a request from the gateway through
posts to auth; otherwise a new one is made. The log line names the *matcher* of the route, never the raw path, and
holds no token, e-mail address, cookie, body or query.
"""

import os
import re
import time
from dataclasses import dataclass

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.metrics import Metrics

REQUEST_ID_HEADER = "X-Request-ID"
_RECORD = "gatepost.record"
_WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_UNSEEN = ("/livez", "/readyz")  # probes come every few seconds and say nothing

log = structlog.get_logger("request")


@dataclass(slots=True)
class RequestRecord:
    """What is logged of one request; filled in on its way."""

    request_id: str
    matcher: str = "none"
    user_id: int | None = None
    session_id: str | None = None
    anonymous_because: str | None = None
    upstream: str | None = None
    refusal: str | None = None


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request, a fresh one where the middleware is not in use."""
    if _RECORD not in scope:
        scope[_RECORD] = RequestRecord(request_id=_make_request_id())
    record = scope[_RECORD]
    assert isinstance(record, RequestRecord)
    return record


class RequestContextMiddleware:
    """Gives each request its record, each answer its id, each request one log line and one count."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = scope[_RECORD] = RequestRecord(_find_request_id(scope) or _make_request_id())
        structlog.contextvars.bind_contextvars(request_id=record.request_id)
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = record.request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            self._report(scope, record, status, time.perf_counter() - started)
        # Not after an error: the server logs that in this same task, and its line should name the request.
        structlog.contextvars.unbind_contextvars("request_id")

    def _report(self, scope: Scope, record: RequestRecord, status: int, seconds: float) -> None:
        self.metrics.observe_request(record.matcher, scope["method"], status, seconds)
        if scope["path"] in _UNSEEN:
            return
        facts = {
            "user_id": record.user_id,
            "sid": record.session_id,
            "anonymous": record.anonymous_because,
            "upstream": record.upstream,
            "refusal": record.refusal,
        }
        log.info(
            "request_finished",
            method=scope["method"],
            matcher=record.matcher,
            status=status,
            ms=round(seconds * 1000, 2),
            **{name: fact for name, fact in facts.items() if fact is not None},
        )


def _make_request_id() -> str:
    return os.urandom(16).hex()


def _find_request_id(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"x-request-id"]
    is_usable = len(values) == 1 and _WELL_FORMED_ID.fullmatch(values[0]) is not None
    return values[0].decode() if is_usable else None
