"""uvicorn's one request and its answer, with four rules more; and the answer to what never became a request.

1. What is found wrong with a body after its request has begun is raised where the application reads that body.
2. Where the answer comes before the body's end, it says that the connection ends; the protocol ends it, and not at
   once, so that the client gets to read the answer (RFC 9112, 9.6).
3. After 101 both bodies are another protocol's: bytes that go as they come, until either side ends (RFC 9110, 7.8).
4. An HTTP/1.0 client gets no chunks: an answer of unknown length ends with the connection (RFC 9112, 6.3). Until it is
   whole, the connection's end is a reset, so that half of it can't be taken for the whole.
"""

import asyncio
import socket
import struct

from starlette.types import Scope
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.wire.answer_reader import SWITCHING_PROTOCOLS
from shared.draining import CLOSE
from shared.error_responses import render_error
from shared.errors import AppError
from shared.request_context import REQUEST_ID_HEADER, Reports, record_of

UNREAD = "unread"
"""What the log calls the method of a request that could not be read."""
_RESET_AT_END = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, for no time
_CLOSE_AT_END = struct.pack("ii", 0, 0)


class Exchange(RequestResponseCycle):
    """One request and its answer; ``fault`` is what is wrong with the request's body."""

    fault: AppError | None = None
    ends_with_connection = False
    is_tunnel = False
    is_ending = False
    has_progressed = False  # a part of the answer was sent since somebody looked

    def take_bytes(self, data: bytes) -> None:
        """Keep bytes that came after the head of a request for another protocol."""
        if not self.response_complete:
            self.body += data
            if len(self.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            if self.is_tunnel:
                self.message_event.set()

    def end_tunnel(self) -> None:
        """Let the application see the end of the other protocol."""
        self.is_ending = True
        self.message_event.set()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next piece of the body, or raise what is wrong with it."""
        message = await super().receive()
        if self.is_ending:
            return {"type": "http.disconnect"}
        if self.fault is not None and not self.disconnected:
            raise self.fault
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        self.has_progressed = True
        if message["type"] == "http.response.start":
            if message["status"] == SWITCHING_PROTOCOLS:
                self.is_tunnel = self.ends_with_connection = self.keep_alive = self.more_body = True
                self.chunked_encoding = False
                # A tunnel is no answer after which a connection could be kept; "close" would belie its "Upgrade".
                self.default_headers = [header for header in self.default_headers if header != CLOSE]
            elif self.more_body:
                self.keep_alive = False
            if self.scope["http_version"] == "1.0" and not any(
                name.lower() == b"content-length" for name, _ in message.get("headers", ())
            ):
                self.ends_with_connection = True
                self.chunked_encoding = False
                self._set_end(_RESET_AT_END)
        elif message["type"] == "http.response.body":
            if self.ends_with_connection:
                self.expected_content_length = len(message.get("body", b""))
            if self.more_body and not message.get("more_body", False):
                self.keep_alive = True  # the protocol ends the connection, and not at once
            if self.ends_with_connection and not self.is_tunnel and not message.get("more_body", False):
                self._set_end(_CLOSE_AT_END)
        await super().send(message)
        if self.is_tunnel and self.body:
            self.message_event.set()  # what came before the tunnel was open

    def _set_end(self, linger: bytes) -> None:
        """Say how the connection ends when it is closed: by a reset, or after what was sent is taken."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def describe_request(protocol: HttpToolsProtocol, method: str, version: str, path: bytes, query: bytes) -> None:
    """Put into a connection's scope what its request line says, exactly as it was sent."""
    protocol.scope["method"] = method
    protocol.scope["http_version"] = version
    protocol.scope["path"] = path.decode("latin-1")
    protocol.scope["raw_path"] = path
    protocol.scope["query_string"] = query


def create_exchange(protocol: HttpToolsProtocol, *, keep_alive: bool) -> Exchange:
    """Return the exchange for the request whose head a connection has just read."""
    return Exchange(
        scope=protocol.scope,
        transport=protocol.transport,
        flow=protocol.flow,
        logger=protocol.logger,
        access_logger=protocol.access_logger,
        access_log=protocol.access_log,
        default_headers=protocol.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=protocol.expect_100_continue,
        keep_alive=keep_alive,
        on_response=protocol.on_response_complete,
    )


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return STATUS_LINE[status]


def refuse_unread(protocol: HttpToolsProtocol, error: AppError, reports: Reports | None) -> None:
    """Answer bytes of which no application hears, for they are no request; it is reported like one."""
    scope: Scope = {"path": "/", "headers": []}
    record = record_of(scope)
    response = render_error(scope, error)
    response.headers[REQUEST_ID_HEADER] = record.request_id
    response.headers["Connection"] = "close"
    headers = [*protocol.server_state.default_headers, *response.raw_headers]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    protocol.transport.write(b"%b%b\r\n%b" % (status_line(error.status), lines, bytes(response.body)))
    if reports is not None:
        reports.report(record, UNREAD, error.status)
