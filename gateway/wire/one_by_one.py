"""uvicorn's protocol with one request at a time: what a client sends ahead of an answer waits, and is read after it.

uvicorn alone reads whatever comes, and keeps a request of some kilobytes for each that waits. Here a connection holds
the request that is answered, those few more whose heads came within a piece of its body, and bytes (``sent_ahead``).
"""

import asyncio
from abc import ABC, abstractmethod

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.wire.sent_ahead import SentAhead

BODY_PIECE = 1024  # bytes: so many of a body are read at once, if they are there, and the heads that stand in them


class OneByOneProtocol(HttpToolsProtocol, ABC):
    """One client's connection. When it is busy, and how bytes are read, is for the subclass to say."""

    _is_deaf = False  # nothing that still comes is read
    _reads_ahead = False  # what is read now was sent before the last answer
    _has_ended = False  # the client has ended its own side
    _ahead: SentAhead

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with nothing that waits."""
        self._ahead = SentAhead()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits."""
        self._ahead.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read bytes of the client, or keep them until those before are answered."""
        if not self._is_deaf:
            self._ahead.add(data)
            self._read_on()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio asks; uvicorn always lets the connection end
        """Take note that no more comes; keep the connection while whole requests are owed an answer (RFC 9112, 9.6)."""
        self._has_ended = True
        return self._is_busy() or bool(self._ahead)

    def _read_on(self) -> None:
        while self._ahead and not self._is_deaf and not self._is_busy():
            self._read(self._ahead.take(BODY_PIECE if self._is_in_body() else 0))
        if self._is_deaf:
            self._ahead.clear()
        elif self._ahead:
            self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        if not self.pipeline:  # so that a whole request was read, and the next begins here
            self._ahead.drop_line_ends()
        if self._ahead:
            self.flow.pause_reading()

    def _read_ahead(self) -> None:
        """Read soon what was sent before the answer that has just gone out; end the connection if nothing follows."""
        if self._ahead:
            self.flow.resume_reading()
            self.loop.call_soon(self._read_what_waited)
        elif self._has_ended and not self._is_busy():
            self._end()

    def _read_what_waited(self) -> None:
        if not self.transport.is_closing():
            self._reads_ahead = True
            self._read_on()
            self._reads_ahead = False
            if self._has_ended and not self._is_busy():
                self._end()

    def _is_in_body(self) -> bool:
        return getattr(self.cycle, "more_body", False)  # there is none before the first request

    @abstractmethod
    def _is_busy(self) -> bool:
        """Tell whether a whole request was read, and is not answered."""

    @abstractmethod
    def _end(self) -> None:
        """End the connection, once what waits for the client is taken."""

    @abstractmethod
    def _read(self, data: bytes) -> None:
        """Read bytes of one request, or of its end and the head of the next."""
