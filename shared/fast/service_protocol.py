"""uvicorn's HTTP/1.1 protocol as the services run it: the same on the wire, with less work per answer.

1. An answer is sent in one piece, head and body in one write, if both are available.
2. A connection has one keep-alive timer, not one per answer.

uvicorn writes the head as soon as it gets it, and uvloop sends writes at once: two system calls and two packets per
answer. Here the head waits for the body, as ASGI demands ("the protocol server must not start sending the response to
the client until it has received at least one Response Body event"). Everything but the plain case is left to uvicorn:
streams, HEAD, and answers that close the connection.

uvicorn's checks are made here, too: no header may contain a line break (RFC 9110, section 5.5), and no body may be
longer or shorter than its head says. Recurring headers are checked once.
"""

import asyncio
import functools
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from shared.fast.lazy_timer import NEVER, LazyTimer
from shared.fast.switch import FAST
from shared.process.half_close import PlainServiceProtocol

_ENDING = {b"connection", b"transfer-encoding"}  # with one of these, the answer may close the connection
# Their values differ in nearly every answer: cached, they would only evict the others.
_CHANGING = {b"content-length", b"date", b"etag", b"link", b"location", b"set-cookie", b"x-request-id"}


class ServiceProtocol(PlainServiceProtocol):
    """One client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._idle = LazyTimer(self.loop, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that the client has gone."""
        self._idle.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.has_ended:
            self.transport.close()
        else:
            self._idle.expect(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle.deadline = NEVER

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, cast("ASGI3Application", _Answering(cycle, cast("ASGIApp", app))))


def choose_protocol() -> type[PlainServiceProtocol]:
    """Return the protocol class that the services run."""
    return ServiceProtocol if FAST.is_on else PlainServiceProtocol


class _Answering:
    """The application for one request: holds back the answer's head until the body comes."""

    __slots__ = ("_app", "_cycle", "_head")

    def __init__(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        self._cycle = cycle
        self._app = app
        self._head: Message | None = None

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        await self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle, head = self._cycle, self._head
        if head is None and message["type"] == "http.response.start" and not cycle.response_started:
            cycle.response_started = True  # if the application fails now, half an answer has been sent
            self._head = message
            return
        if head is not None:
            self._head = None
            if _send_whole(cycle, head, message):
                return
            cycle.response_started = False
            await cycle.send(head)  # type: ignore[arg-type]
        await cycle.send(message)  # type: ignore[arg-type]


def _send_whole(cycle: RequestResponseCycle, head: Message, message: Message) -> bool:
    """Send head and message if they form a plain answer; tell whether they did."""
    body = message.get("body", b"")
    headers = [*cycle.default_headers, *head["headers"]]
    given = dict(headers)
    is_whole = given.get(b"content-length") == b"%d" % len(body) and not message.get("more_body", False)
    is_open = cycle.keep_alive and not cycle.disconnected and not cycle.flow.write_paused
    if not is_whole or not is_open or cycle.scope["method"] == "HEAD" or not given.keys().isdisjoint(_ENDING):
        return False
    lines = [_encode(header) if header[0] in _CHANGING else _encode_again(header) for header in headers]
    cycle.transport.write(b"".join((STATUS_LINE[head["status"]], *lines, b"\r\n", body)))
    cycle.waiting_for_100_continue = False
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


def _encode(header: tuple[bytes, bytes]) -> bytes:
    """Return a header's line; raises RuntimeError, as uvicorn does, if it would be more than one line."""
    name, value = header
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("Invalid HTTP header.")
    return b"%b: %b\r\n" % header


_encode_again = functools.lru_cache(maxsize=256)(_encode)
