"""uvicorn's one request and its answer, with three rules more; and the answer to what never became a request.

1. What is found wrong with a body after its request has begun is raised where the application reads that body.
2. Where the answer comes before the body's end, it says that the connection ends; the protocol ends it, and not at
   once, so that the client gets to read the answer (RFC 9112, 9.6).
3. An HTTP/1.0 client gets no chunks: an answer of unknown length ends with the connection (RFC 9112, 6.3).
"""

import uuid
from collections.abc import Iterable

from starlette.types import Scope
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.headers import RawHeader
from shared.errors import AppError, render_error
from shared.request_context import REQUEST_ID_HEADER


class Exchange(RequestResponseCycle):
    """One request and its answer; ``fault`` is what is wrong with the request's body."""

    fault: AppError | None = None
    ends_with_connection = False

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next piece of the body, or raise what is wrong with it."""
        message = await super().receive()
        if self.fault is not None and not self.disconnected:
            raise self.fault
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            if self.more_body:
                self.keep_alive = False
            if self.scope["http_version"] == "1.0" and not any(
                name.lower() == b"content-length" for name, _ in message.get("headers", ())
            ):
                self.ends_with_connection = True
                self.chunked_encoding = False
        elif message["type"] == "http.response.body":
            if self.ends_with_connection:
                self.expected_content_length = len(message.get("body", b""))
            if self.more_body and not message.get("more_body", False):
                self.keep_alive = True  # the protocol ends the connection, and not at once
        await super().send(message)


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return STATUS_LINE[status]


def encode_refusal(error: AppError, headers: Iterable[RawHeader]) -> bytes:
    """Return the answer to bytes of which no application hears; ``headers`` are the server's own."""
    scope: Scope = {"path": "/", "headers": []}
    response = render_error(scope, error)
    response.headers[REQUEST_ID_HEADER] = uuid.uuid4().hex
    response.headers["Connection"] = "close"
    lines = b"".join(b"%b: %b\r\n" % header for header in [*headers, *response.raw_headers])
    return b"%b%b\r\n%b" % (status_line(error.status), lines, bytes(response.body))
