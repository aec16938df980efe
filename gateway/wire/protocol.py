"""uvicorn's HTTP/1.1 protocol with what a server that faces the world needs more.

1. The request target reaches the application exactly as it was sent: ``raw_path`` and ``query_string`` are cut at the
   first ``?`` and nothing else is read into them. uvicorn alone drops what follows a ``#``, turns an absolute URL into
   its path, and answers what it can't parse by itself. ``path`` is the same text; it is not decoded.
2. What the parser refuses gets the same answer as what the gate refuses, and the connection ends. An answer is never
   written into the middle of another.
3. No more is kept of a head than is needed to refuse it, and trailers never become headers.
4. Every wait for a client has an end (``client_limits``): 408 where nothing was answered yet (RFC 9110, 15.5.9), and
   the connection ends. One that never sent a byte of its request just ends.
5. After an answer that came before its request's end the connection ends; what still comes is not read for long.
6. One request is read and answered at a time (``one_by_one``).
7. A client that ends its own side after whole requests gets their answers. While there is nothing to send to it, it is
   kept for ``half_closed`` seconds; then it counts as gone.
"""

import asyncio
from typing import assert_never, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.wire.client_exchange import Exchange, create_exchange, describe_request, refuse_unread
from gateway.wire.client_limits import MAX_UNFINISHED_HEAD, Awaits, ClientLimits
from gateway.wire.headers import MAX_FIELDS, MAX_SIZE
from gateway.wire.one_by_one import OneByOneProtocol
from shared.errors import AppError, BadRequest, HeadersTooLarge, RequestTimeout
from shared.lazy_timer import NEVER, LazyTimer
from shared.request_context import Reports


class GatewayProtocol(OneByOneProtocol):
    """One client's connection."""

    limits = ClientLimits()
    reports: Reports | None = None

    _awaits = Awaits.REQUEST
    _answering: Exchange | None = None
    _is_upgraded = False
    _chunk_size = 0
    _head_bytes = 0  # of a head that has no end yet, without the chunk in which it began
    _head_size = 0  # of its fields
    _stretch_bytes = 0
    _stretch_was_paused = False

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._timer = LazyTimer(self.loop, self._run_out)
        self._write_timer = LazyTimer(self.loop, transport.abort)
        self._timer.expect(self.limits.idle)
        if self.client is None:  # the other end is gone already, and nobody can tell where it was
            self._is_deaf = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that the client has gone, also where another request of its waits already."""
        self._timer.cancel()
        self._write_timer.cancel()
        exchange = self._answering
        if exchange is not None and not exchange.response_complete:
            exchange.disconnected = True
            exchange.message_event.set()
        super().connection_lost(exc)
        # It refers to this connection, and this to it: only the collector would find the two, and late.
        del self.parser

    def _read(self, data: bytes) -> None:
        if self._awaits is Awaits.REQUEST:
            self._await(Awaits.HEAD, self.limits.head)
        self._chunk_size = len(data)
        if self._is_upgraded:
            self._take_upgraded(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._is_upgraded = True
            self._take_upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(BadRequest())
        if self._awaits is Awaits.HEAD and not self._is_deaf:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_UNFINISHED_HEAD:
                self._refuse(HeadersTooLarge())

    def eof_received(self) -> bool:  # type: ignore[override] # the same
        """Go on with the requests that are owed an answer, for a while; end the connection where there is none."""
        is_owed = super().eof_received()
        if is_owed:
            self._doubt()
        return is_owed

    def pause_writing(self) -> None:
        """Take note that the client takes nothing for now."""
        super().pause_writing()
        self._write_timer.expect(self.limits.write_stall)

    def resume_writing(self) -> None:
        """Take note that the client takes more."""
        super().resume_writing()
        self._write_timer.deadline = NEVER

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_size = 0
        self._head_bytes = -self._chunk_size
        if self._awaits is not Awaits.HEAD:
            self._await(Awaits.HEAD, self.limits.head)

    def on_url(self, url: bytes) -> None:
        """Keep the request target, and of one that is too long just enough for the refusal."""
        if len(self.url) <= MAX_SIZE:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field, and of those that are too many just enough for the refusal. A trailer is dropped."""
        if self._awaits is Awaits.HEAD and len(self.headers) <= MAX_FIELDS and self._head_size <= MAX_SIZE:
            self._head_size += len(name) + len(value)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, with the request target as it came."""
        path, _, query = self.url.partition(b"?")
        version = self.parser.get_http_version()
        describe_request(self, self.parser.get_method().decode("ascii"), version, path, query)
        self._stretch_bytes = 0
        self._stretch_was_paused = self._is_answering()  # then what follows the head waits
        self._await(Awaits.BODY, self.limits.body)
        # After what could be an upgrade the parser reads no further request.
        is_kept = version != "1.0" and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        self.cycle = create_exchange(self, keep_alive=is_kept)
        if not self._is_answering():
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        super().on_body(body)
        self._stretch_bytes += len(body)
        self._stretch_was_paused |= self.flow.read_paused

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self._awaits = Awaits.ANSWER

    # What the exchange calls

    def on_response_complete(self) -> None:
        """Go on to the next request, or end."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._await(Awaits.END, self.limits.write_stall)
        elif self._answering is not None and self._answering.more_body:
            self._linger()
        else:
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            elif self._awaits is Awaits.ANSWER:
                self._await(Awaits.REQUEST, self.limits.idle)
            else:
                self._timer.expect(self.limits.head)
            self._read_ahead()

    # Other protocols, deadlines and ends

    def shutdown(self) -> None:
        """End the connection, after the answer that is due; but a tunnel at once."""
        super().shutdown()
        if self._answering is not None and self._answering.is_tunnel:
            self._answering.end_tunnel()

    def _take_upgraded(self, data: bytes) -> None:
        """Take bytes that follow the head of a request for another protocol: never as a request."""
        cast("Exchange", self.cycle).take_bytes(data)

    def _await(self, what: Awaits, seconds: float) -> None:
        self._awaits = what
        self._timer.expect(seconds)

    def _run_out(self) -> None:
        """End the wait for what did not come in time."""
        match self._awaits:
            case Awaits.REQUEST | Awaits.SILENCE:
                self._end()
            case Awaits.HEAD if self._is_answering():
                self._timer.expect(self.limits.head)  # it may come while the answer before it is made
            case Awaits.HEAD:
                self._refuse(RequestTimeout())
            case Awaits.BODY:
                self._judge_body()
            case Awaits.ANSWER if self._has_ended and not self.transport.is_closing():
                self._doubt() if self._has_progressed() else self.transport.abort()
            case Awaits.ANSWER if not self.transport.is_closing():
                self._timer.expect(self.limits.write_stall)
            case Awaits.ANSWER:
                self._end()
            case Awaits.END:
                self.transport.abort()
            case _:
                assert_never(self._awaits)

    def _doubt(self) -> None:
        """Keep a client that ended its own side for a while: it may have gone, which a write would show."""
        if self._answering is not None:
            self._answering.has_progressed = False
        self._timer.expect(self.limits.half_closed)

    def _has_progressed(self) -> bool:
        return self._answering is not None and self._answering.has_progressed

    def _judge_body(self) -> None:
        """Grant another stretch of time to a body that came fast enough, or that was not read by us; refuse others."""
        is_ours = self._stretch_was_paused or self.flow.read_paused
        if is_ours or self._stretch_bytes >= self.limits.rate * self.limits.body:
            self._stretch_bytes = 0
            self._stretch_was_paused = self.flow.read_paused
            self._timer.expect(self.limits.body)
        else:
            self._refuse(RequestTimeout())

    def _refuse(self, error: AppError) -> None:
        """Answer with an error and read no more; after the answers that are due, without one if it was theirs."""
        self._is_deaf = True
        if self._awaits is Awaits.BODY:
            exchange = cast("Exchange", self.cycle)
            exchange.fault = error
            exchange.message_event.set()
            self._await(Awaits.SILENCE, self.limits.linger)
        elif self._is_answering():
            self.cycle.keep_alive = False
            self._await(Awaits.ANSWER, self.limits.write_stall)
        elif self._reads_ahead:
            self._end()
        else:
            refuse_unread(self, error, self.reports)
            self._linger()

    def _linger(self) -> None:
        """End our side of the connection, and give the client a moment to read the answer and end its own."""
        self._is_deaf = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self._await(Awaits.SILENCE, self.limits.linger)

    def _end(self) -> None:
        """End the connection, once what waits for the client is taken, or too long is not."""
        self.transport.close()
        self._await(Awaits.END, self.limits.write_stall)

    def _is_busy(self) -> bool:
        return bool(self.pipeline) or (self._awaits is Awaits.ANSWER and self._is_answering() and not self._is_upgraded)

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cast("Exchange", cycle)
        super()._start_asgi_task(cycle, app)
