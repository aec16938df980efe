"""uvicorn's HTTP/1.1 protocol with what a server that faces the world needs more.

1. The request target reaches the application exactly as it was sent: ``raw_path`` and ``query_string`` are cut at the
   first ``?`` and nothing else is read into them. uvicorn alone drops what follows a ``#``, turns an absolute URL into
   its path, and answers what it can't parse by itself. ``path`` is the same text; it is not decoded.
2. What the parser refuses gets the same answer as what the gate refuses, and the connection ends.
3. No more is kept of a head than is needed to refuse it: names and values beyond ``headers.MAX_SIZE`` are forgotten.
"""

import uuid

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.headers import MAX_FIELDS, MAX_SIZE
from shared.errors import BadRequest, render_error
from shared.request_context import REQUEST_ID_HEADER

_PLACEHOLDER = b"/"


class GatewayProtocol(HttpToolsProtocol):
    """One client's connection."""

    _head_size = 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field, and of those that are too many just enough for the refusal."""
        if len(self.headers) <= MAX_FIELDS and self._head_size <= MAX_SIZE:
            self._head_size += len(name) + len(value)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, with the request target as it came."""
        target, self.url = self.url, _PLACEHOLDER
        super().on_headers_complete()
        path, _, query = target.partition(b"?")
        self.scope["path"] = path.decode("latin-1")
        self.scope["raw_path"] = path
        self.scope["query_string"] = query

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP/1.1. No application has seen it, so this is written to the connection itself."""
        del msg
        scope: Scope = {"path": "/", "headers": []}
        response = render_error(scope, BadRequest())
        response.headers[REQUEST_ID_HEADER] = uuid.uuid4().hex
        response.headers["Connection"] = "close"
        lines = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (lines, bytes(response.body)))
        self.transport.close()
