"""What one request is called and what is said of it: its id in and out, one log line, one count.

Pure ASGI. A request id that comes well-formed is kept, so that one id follows a request from the gateway through
posts to auth; otherwise a new one is made. The log line names the *matcher* of the route, never the raw path, and
holds no token, e-mail address, cookie, body or query.
"""

import logging
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.metrics import Metrics

REQUEST_ID_HEADER = "X-Request-ID"
_RECORD = "gatepost.record"
_WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_UNSEEN = ("/livez", "/readyz")  # probes come every few seconds and say nothing


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
    started: float = field(default_factory=time.perf_counter)


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request, a fresh one where the middleware is not in use."""
    if _RECORD not in scope:
        scope[_RECORD] = RequestRecord(request_id=make_request_id())
    record = scope[_RECORD]
    assert isinstance(record, RequestRecord)
    return record


class RequestContextMiddleware:
    """Gives each request its record, each answer its id, each request one log line and one count."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.reports = Reports(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _RECORD not in scope:
            scope[_RECORD] = begin_record(scope["headers"])
        record = record_of(scope)
        structlog.contextvars.bind_contextvars(request_id=record.request_id)
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
            self.reports.report(record, scope["method"], status, is_logged=scope["path"] not in _UNSEEN)
        # Not after an error: the server logs that in this same task, and its line should name the request.
        structlog.contextvars.unbind_contextvars("request_id")


def begin_record(headers: Iterable[tuple[bytes, bytes]]) -> RequestRecord:
    """Return the record of a request that begins now, by its raw headers (names in lower case)."""
    values = [value for name, value in headers if name == b"x-request-id"]
    is_usable = len(values) == 1 and _WELL_FORMED_ID.fullmatch(values[0]) is not None
    return RequestRecord(values[0].decode() if is_usable else make_request_id())


def make_request_id() -> str:
    """Return a new request id."""
    return os.urandom(16).hex()


def keep_record(scope: Scope, record: RequestRecord) -> None:
    """Let a request that was begun elsewhere go on with its record."""
    scope[_RECORD] = record


class Reports:
    """Counts the requests that were answered and writes a log line for each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("request").bind()

    def report(self, record: RequestRecord, method: str, status: int, *, is_logged: bool = True) -> None:
        """Take note of one answered request."""
        seconds = time.perf_counter() - record.started
        self._metrics.observe_request(record.matcher, method, status, seconds)
        if is_logged and self._log.is_enabled_for(logging.INFO):
            self._log.info("request_finished", **_describe(record, method, status, seconds))


def _describe(record: RequestRecord, method: str, status: int, seconds: float) -> dict[str, object]:
    facts = {
        "user_id": record.user_id,
        "sid": record.session_id,
        "anonymous": record.anonymous_because,
        "upstream": record.upstream,
        "refusal": record.refusal,
    }
    return {
        "request_id": record.request_id,
        "method": method,
        "matcher": record.matcher,
        "status": status,
        "ms": round(seconds * 1000, 2),
        **{name: fact for name, fact in facts.items() if fact is not None},
    }
