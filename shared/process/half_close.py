"""uvicorn's HTTP/1.1 protocol, but for one thing: a client that ends its own side after whole requests is answered.

RFC 9112, section 9.6: what was asked for before the end is owed an answer. uvicorn alone ends the connection then,
though the request is carried out.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PlainServiceProtocol(HttpToolsProtocol):
    """One client's connection."""

    has_ended = False  # the client has ended its own side

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio asks; uvicorn always lets the connection end
        """Keep the connection while whole requests are owed an answer."""
        self.has_ended = True
        is_whole = not getattr(self.cycle, "more_body", True)  # there is none before the first request
        return is_whole and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Go on to the next request, or end the connection after the last one."""
        super().on_response_complete()
        if self.has_ended and self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self.transport.close()
