"""The context of one request: its id in and out, one log line, one count.

Pure ASGI. A well-formed request id from outside is kept, so that one id follows a request from the gateway through
posts to auth; otherwise a new one is made. The same goes for the trace (``trace_context``). The log line names the
*matcher* of the route, never the raw path, and holds no token, e-mail address, cookie, body or query. The gateway adds
the client's address, and the canonical path, where its settings ask for that.
"""

import logging
import os
import re
import time
from collections.abc import Awaitable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observing.logs import find_request_writer
from shared.observing.metrics import Metrics
from shared.observing.request_lines import EVENT, LOGGER
from shared.observing.trace_context import BEGUN_HERE, read_traceparent, write_traceparent

REQUEST_ID_HEADER = "X-Request-ID"
SIGN_IN_WANTED = "sign_in_wanted"
"""The refusal that leads a browser to the sign-in page."""

_RAW_HEADER = REQUEST_ID_HEADER.lower().encode()
_TRACE_HEADER = b"traceparent"
NAMING_HEADERS = frozenset({_RAW_HEADER, _TRACE_HEADER})
"""What ``begin_record`` reads of a request's headers."""

_RECORD = "gatepost.record"
_UNPROVEN = {"unauthorized", SIGN_IN_WANTED}  # refusals of anonymous callers: why they are says more
_WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
IDS_DRAWN = 128  # at a time
_UNSEEN = ("/livez", "/readyz")  # probes come every few seconds and tell nobody anything


@dataclass(slots=True)
class RequestRecord:
    """What is known about one request, most of it logged; filled in on its way."""

    request_id: str
    trace_id: str
    span_id: str
    trace_flags: str = BEGUN_HERE
    matcher: str = "none"
    user_id: int | None = None
    session_id: str | None = None
    user_name: str | None = None  # for the head of a page, never logged
    anonymous_because: str | None = None
    token_refusal: str | None = None
    upstream: str | None = None
    refusal: str | None = None
    reason: str | None = None  # of a refusal, where its kind does not say it all
    client: str | None = None  # the client's address, where that is wanted
    path: str | None = None  # the canonical path, where that is wanted
    is_routine: bool = False  # sent by a program every few seconds: its line is DEBUG
    started: float = field(default_factory=time.perf_counter)


_CURRENT: ContextVar[RequestRecord | None] = ContextVar("gatepost.current_record", default=None)


def find_current_record() -> RequestRecord | None:
    """Return the record of the request being answered, in whose name other services are called; or None."""
    return _CURRENT.get()


def answer_as(record: RequestRecord) -> None:
    """Let this task's log lines name a request from now on, and its calls to other services be made in its name."""
    structlog.contextvars.bind_contextvars(request_id=record.request_id)
    _CURRENT.set(record)


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request; a fresh one where the middleware is not in use."""
    if _RECORD not in scope:
        scope[_RECORD] = begin_record(())
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
        answer_as(record)
        status = 500

        def send_with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                others = [header for header in message["headers"] if header[0] != _RAW_HEADER]
                message["headers"] = [*others, (_RAW_HEADER, record.request_id.encode())]
            return send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            self.reports.report(record, scope["method"], status, is_logged=scope["path"] not in _UNSEEN)
        # Not after an error: the server logs that in this very task, and its line should name the request.
        structlog.contextvars.unbind_contextvars("request_id")
        _CURRENT.set(None)


def begin_record(headers: Iterable[tuple[bytes, bytes]]) -> RequestRecord:
    """Return the record of a request that begins now, from its raw headers (names in lower case)."""
    ids, parents = [], []
    for name, value in headers:
        if name == _RAW_HEADER:
            ids.append(value)
        elif name == _TRACE_HEADER:
            parents.append(value)
    fresh = next(_FRESH)
    new_id, span_id = fresh[:32], fresh[32:]
    is_usable = len(ids) == 1 and _WELL_FORMED_ID.fullmatch(ids[0]) is not None
    parent = read_traceparent(parents) if parents else None
    # A trace that begins here has the request's id, where that is new too.
    trace_id, flags = (parent.trace_id, parent.flags) if parent else (new_id, BEGUN_HERE)
    return RequestRecord(ids[0].decode() if is_usable else new_id, trace_id, span_id, flags)


def _draw_ids() -> Iterator[str]:
    """Yield 48 random hexadecimal digits at a time, drawn for many requests at once: each draw is a system call."""
    while True:
        drawn = os.urandom(24 * IDS_DRAWN).hex()
        yield from (drawn[start : start + 48] for start in range(0, len(drawn), 48))


_FRESH = _draw_ids()


def write_trace(record: RequestRecord) -> str:
    """Return the ``traceparent`` of a call to another service for this request."""
    return write_traceparent(record.trace_id, record.span_id, record.trace_flags)


def keep_record(scope: Scope, record: RequestRecord) -> None:
    """Put a record that was begun elsewhere into a request's scope."""
    scope[_RECORD] = record


class Reports:
    """Counts the requests that were answered and writes a log line for each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger(LOGGER).bind()
        self._write = find_request_writer()

    def report(self, record: RequestRecord, method: str, status: int, *, is_logged: bool = True) -> None:
        """Count and log one answered request."""
        seconds = time.perf_counter() - record.started
        self._metrics.observe_request(record.matcher, method, status, seconds)
        if record.refusal is not None:
            self._metrics.increment_refusals(_choose_reason(record))
        if is_logged and self._write is not None and not record.is_routine:
            self._write(_describe(record, method, status, seconds))
        elif is_logged:
            self._log_by_structlog(record, method, status, seconds)

    def _log_by_structlog(self, record: RequestRecord, method: str, status: int, seconds: float) -> None:
        level = logging.DEBUG if record.is_routine else logging.INFO
        if self._log.is_enabled_for(level):  # as bound at the start; logging may have been set up anew since
            structlog.get_logger(LOGGER).log(level, EVENT, **_describe(record, method, status, seconds))


def _choose_reason(record: RequestRecord) -> str:
    """Return why a request was refused: a word of a closed set."""
    refusal = record.refusal or ""
    return (record.token_refusal or record.anonymous_because or refusal) if refusal in _UNPROVEN else refusal


def _describe(record: RequestRecord, method: str, status: int, seconds: float) -> dict[str, object]:
    facts: dict[str, object] = {
        "request_id": record.request_id,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "method": method,
        "matcher": record.matcher,
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    if record.user_id is not None:
        facts["user_id"] = record.user_id
    if record.session_id is not None:
        facts["sid"] = record.session_id
    if record.anonymous_because is not None:
        facts["anonymous"] = record.anonymous_because
    if record.token_refusal is not None:
        facts["fault"] = record.token_refusal
    if record.upstream is not None:
        facts["upstream"] = record.upstream
    if record.refusal is not None:
        facts["refusal"] = record.refusal
    if record.reason is not None:
        facts["reason"] = record.reason
    if record.client is not None:
        facts["client"] = record.client
    if record.path is not None:
        facts["path"] = record.path
    return facts
