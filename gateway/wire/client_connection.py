"""One client's connection: the protocol that uvicorn hands each accepted socket to (RFC 9112).

It is in one state at a time:

| state     | owed by                                 | until                                | then            |
|-----------|-----------------------------------------|--------------------------------------|-----------------|
| IDLE      | the client: a first byte                | ``idle``                             | close           |
| HEAD      | the client: the head's end              | ``head``                             | 408             |
| BODY      | the client: the body, at a least rate   | ``body``, again while it keeps the   | 408             |
|           |                                         | rate, or the gateway paused it       |                 |
| ANSWERING | the gateway: an answer                  | the exchange's own deadlines         |                 |
| LINGERING | the client, whom we closed: its close   | ``linger``                           | close           |
| CLOSING   | the client: to take what waits          | ``write_stall`` without progress     | abort           |

1. One request is read and answered at a time. Pipelined requests wait as bytes, up to a bound; reading goes on until
   then, so that the client's close is noticed. Answers never interleave.
2. A client that reads nothing of its answer has ``write_stall``; each byte that it takes restarts the clock.
3. Bytes that are no request are refused like any other request, and the connection ends. It ends, too, after an answer
   that came before the end of its request: what still arrives is read and discarded for a moment, so that the client
   gets to read the answer.
4. A client that half-closes after whole requests gets their answers. While there is nothing to send to it, it is kept
   for ``half_closed`` seconds; then it counts as gone.
5. HTTP/1.0 clients get no chunks: an answer of unknown length ends with the connection, and an incomplete one with a
   reset, so that half of it can't pass for the whole.
6. An exception in a callback ends this connection and no other; it is logged as ``request_failed``.
"""

import asyncio
import contextlib
import http
import socket
import struct
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

import structlog

from gateway.messages.chunks import LAST_CHUNK, ChunkReader, ChunksBroken, encode_chunk
from gateway.messages.head_parser import HeadParser
from gateway.messages.headers import BODILESS
from gateway.messages.raw_headers import END_OF_HEAD, RawHeader, encode_lines
from gateway.messages.request_heads import RequestHead
from gateway.wire.limits import MAX_AHEAD, MAX_UNFINISHED_HEAD, ClientLimits
from gateway.wire.unsent import Unsent
from shared.errors import AppError, BadRequest, HeadersTooLarge, RequestTimeout, Unavailable, UriTooLong
from shared.fast.lazy_timer import NEVER, LazyTimer
from shared.process.draining import CLOSE

if TYPE_CHECKING:
    from gateway.wire.exchange import ExchangeParts

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE_LINE = b"connection: close\r\n"
_CHUNKED_LINE = b"transfer-encoding: chunked\r\n"
_LINE_ENDS = b"\r\n"
_RESET_AT_END = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, for no time
_CLOSE_AT_END = struct.pack("ii", 0, 0)
_STATUS_LINES = {each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode()) for each in http.HTTPStatus}

log = structlog.get_logger("client")


class State(Enum):
    """Where a connection is in the table above."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWERING = auto()
    LINGERING = auto()
    CLOSING = auto()


class Server(Protocol):
    """The part of uvicorn's ``ServerState`` that is used here."""

    connections: set["ClientConnection"]
    default_headers: list[RawHeader]
    total_requests: int


class Work(Protocol):
    """What answers a request: an exchange, or the tunnel that it became."""

    def take_body(self, data: bytes, *, is_last: bool) -> None:
        """Take a piece of the request's body."""

    def fail(self, error: Exception) -> None:
        """Answer with an error, or break off the answer."""

    def abandon(self) -> None:
        """End: the client has gone."""

    def pause_answer(self) -> None:
        """Stop sending for now: the client is not reading."""

    def resume_answer(self) -> None:
        """Send again."""

    def drain(self) -> None:
        """Prepare for the server's shutdown."""


class ClientConnection(asyncio.Protocol):
    """One client's connection; ``parts`` make what answers its requests."""

    def __init__(self, parts: "ExchangeParts", server: Server, limits: ClientLimits) -> None:
        self._parts = parts
        self._limits = limits
        self._server = server
        self.loop = asyncio.get_running_loop()  # each call of that is a system call in Python 3.11
        self._timer = LazyTimer(self.loop, self._run_out)
        self._write_timer = LazyTimer(self.loop, self._judge_taking)
        self._state = State.IDLE
        self._received = b""  # but not yet read
        self._searched = self._checked = 0  # how much of it was searched for a head's end, and checked to be one
        self._beginning: HeadParser | None = None  # of a head whose end has not come yet
        self._head: RequestHead | None = None
        self._work: Work | None = None
        self._left = 0  # of a body of announced length
        self._chunks: ChunkReader | None = None
        self._stretch = 0  # bytes of the body that arrived in this stretch of time
        self._was_paused = self._is_reading_paused = self._is_read_on_planned = False
        self._is_kept = self._is_chunked = self._has_ended = self._reads_ahead = False
        self._unsent, self._doubted = Unsent(), Unsent()
        self.has_progressed = False  # some of the answer came since ``_doubt`` last looked
        self.is_tunnel = False
        self.is_writable = True
        self.peer = ""

    # What the event loop and the server call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._server.connections.add(self)
        self._timer.expect(self._limits.idle)
        address = transport.get_extra_info("peername")
        if address:
            self.peer = address[0]
        else:
            self._transport.abort()  # it has gone already, and its address with it

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way: the client has gone."""
        del exc
        self._server.connections.discard(self)
        self._timer.cancel()
        self._write_timer.cancel()
        self._received = b""
        work, self._work = self._work, None
        if work is not None:
            work.abandon()

    def data_received(self, data: bytes) -> None:
        """Read the client's bytes, or keep them until the requests before are answered."""
        if self._state is State.LINGERING or self._state is State.CLOSING:
            return
        self._received = self._received + data if self._received else data
        self._read_on()

    def eof_received(self) -> bool:
        """Note that no more will come; keep the connection while whole requests await answers (RFC 9112, 9.6)."""
        self._has_ended = True
        is_ahead = self._state is State.IDLE and bool(self._received)
        is_owed = is_ahead or (self._state is State.ANSWERING and not self.is_tunnel)
        if is_owed:
            self._doubt()
        return is_owed

    def pause_writing(self) -> None:
        """Apply back-pressure: the client is not reading."""
        self.is_writable = False
        self._unsent.look(self._transport)
        self._write_timer.expect(self._limits.write_stall)
        if self._work is not None:
            self._work.pause_answer()

    def resume_writing(self) -> None:
        """Release the back-pressure: the client reads again."""
        self.is_writable = True
        self._write_timer.deadline = NEVER
        if self._work is not None:
            self._work.resume_answer()
        elif self._received:
            self._plan_read_on()

    def shutdown(self) -> None:
        """Drain: end the connection after the answer that is due; a tunnel, at once."""
        self._is_kept = False
        if self._work is not None:
            self._work.drain()
        elif self._state in {State.IDLE, State.HEAD}:
            self._close()

    def give_up(self) -> None:
        """Fail what is still under way: the time to drain is over."""
        if self._work is not None:
            self._work.fail(Unavailable())

    # What the exchange calls

    def answer(self, status: int, lines: bytes, length: int | None, body: bytes = b"", *, is_whole: bool) -> None:
        """Start an answer: its header lines, the length of its body (None: unknown), and what there is of the body."""
        head = self._head
        method, version = (head.line.method, head.line.version) if head is not None else ("", "1.1")
        has_body = method != "HEAD" and status not in BODILESS
        if self._state is State.BODY:
            self._is_kept = False
        self._is_chunked = has_body and length is None and version != "1.0"
        if has_body and length is None and version == "1.0":
            self._end_by(_RESET_AT_END)
        framing = _CHUNKED_LINE if self._is_chunked else b""
        own_lines, is_draining = _encode_own_lines(tuple(self._server.default_headers))
        closing = b"" if self._is_kept or is_draining else _CLOSE_LINE
        self._is_kept = self._is_kept and not is_draining
        self.has_progressed = True
        written = body if not self._is_chunked else encode_chunk(body) + (LAST_CHUNK if is_whole else b"")
        status_line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        self._transport.write(b"".join((status_line, own_lines, lines, framing, closing, b"\r\n", written)))
        if is_whole:
            self._finish()

    def continue_answer(self, body: bytes, *, is_whole: bool) -> None:
        """Send more of the answer's body, or its end."""
        self.has_progressed = True
        if self._is_chunked:
            body = encode_chunk(body) + (LAST_CHUNK if is_whole else b"")
        if body:
            self._transport.write(body)
        if is_whole:
            self._finish()

    def break_off(self) -> None:
        """Close the connection in the middle of an answer."""
        self._work = None
        self._close()

    def send_continue(self) -> None:
        """Ask a client that waits for it to send its body (RFC 9110, 10.1.1), unless it has already begun."""
        if self._state is State.BODY and not self._stretch:
            self._transport.write(CONTINUE)

    def open_tunnel(self, tunnel: Work, status: int, lines: bytes) -> None:
        """Start to relay another protocol: bytes pass as they come, until either side closes (RFC 9110, 7.8)."""
        own_lines, _ = _encode_own_lines(tuple(header for header in self._server.default_headers if header != CLOSE))
        self._work, self.is_tunnel, self._is_kept = tunnel, True, False
        self._transport.write(b"".join((_STATUS_LINES[status], own_lines, lines, b"\r\n")))
        self._end_by(_CLOSE_AT_END)
        early, self._received = self._received, b""
        self.resume_reading()  # much may have come early
        if early:
            tunnel.take_body(early, is_last=False)
        if self._has_ended:
            self.close_tunnel()

    def write(self, data: bytes) -> None:
        """Send bytes of the other protocol."""
        self._transport.write(data)

    def close_tunnel(self) -> None:
        """Close a tunnel once the client has taken what was sent, even if it is still sending."""
        work, self._work = self._work, None
        self._server.total_requests += 1
        if work is not None:
            work.abandon()
        if self._has_ended:
            self._close()
        else:
            self._linger()

    def pause_reading(self) -> None:
        """Stop reading for now: the upstream is not taking what the client sends."""
        self._was_paused = True
        if not self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = False
            self._transport.resume_reading()

    # Reading

    def _read_on(self) -> None:
        """Read what has been received, up to the end of one request."""
        try:
            while self._received and self._may_read():
                if self._state is State.BODY:
                    self._read_body()
                elif not self._read_head():
                    break
            if self.is_tunnel and self._received and self._work is not None:
                data, self._received = self._received, b""
                self._work.take_body(data, is_last=False)
        except AppError as error:
            self._refuse(error)
        except Exception as error:  # noqa: BLE001 - whatever it is ends this connection, and no other
            self._crash(error)
        if len(self._received) > MAX_AHEAD and self._state is not State.BODY:
            self.pause_reading()

    def _may_read(self) -> bool:
        """Tell whether what was received is next to be read: more of a body, or the next request."""
        if self._state is State.IDLE or self._state is State.HEAD:
            return self.is_writable and not self._is_read_on_planned
        return self._state is State.BODY

    def _read_head(self) -> bool:
        """Start the request whose head has arrived; tell whether there was a whole one."""
        if self._state is State.IDLE:
            self._state = State.HEAD
            self._timer.expect(self._limits.head)
        if self._received[0] in _LINE_ENDS:  # some clients send empty lines after a request (RFC 9112, 2.2)
            self._received = self._received.lstrip(_LINE_ENDS)
            self._searched = 0
        data = self._received
        end = data.find(END_OF_HEAD, self._searched) + len(END_OF_HEAD)
        if end < len(END_OF_HEAD) or end > MAX_UNFINISHED_HEAD:
            if len(data) > MAX_UNFINISHED_HEAD:
                raise HeadersTooLarge if b"\n" in data[:MAX_UNFINISHED_HEAD] else UriTooLong
            self._check_beginning(data)
            return False
        self._received, self._searched, self._beginning = data[end:], 0, None
        self._begin(self._parts.heads.read(data[:end]))
        return True

    def _check_beginning(self, data: bytes) -> None:
        """Check a head whose end has not come yet; BadRequest as soon as it can't become one."""
        if not data:
            return
        if self._beginning is None:
            self._beginning, self._checked = HeadParser(), 0
        self._beginning.check(data[self._checked :])
        self._checked = len(data)
        self._searched = max(0, len(data) - len(END_OF_HEAD) + 1)

    def _begin(self, head: RequestHead) -> None:
        """Start to answer a request."""
        self._head = head
        self._is_kept = head.keeps_alive
        self.has_progressed = False
        passing = head.headers.passing
        if head.headers.is_unread or (passing is not None and passing.has_body):
            self._state = State.BODY
            self._stretch, self._was_paused = 0, False
            self._left = passing.content_length or 0 if passing is not None else 0
            self._chunks = ChunkReader() if passing is not None and passing.is_chunked else None
            self._timer.expect(self._limits.body)
        else:
            self._state = State.ANSWERING
            self._timer.deadline = NEVER
        work = self._work = self._parts.create(self, head)
        broken = self._read_ready_body()
        work.begin()
        if broken is not None and self._work is work:
            work.fail(broken)

    def _read_ready_body(self) -> AppError | None:
        """Read what there is of a body, for a refusal after all of it can keep the connection; return its error."""
        try:
            if self._received and self._state is State.BODY:
                self._read_body()
        except BadRequest as broken:
            self._received = b""
            return broken
        return None

    def _read_body(self) -> None:
        """Pass on what came of the body."""
        work, data = self._work, self._received
        if work is None or self._head is None or self._head.headers.is_unread:  # where it ends can't be told
            self._received = b""
            return
        if self._chunks is not None:
            try:
                body, self._received = self._chunks.feed(data)
            except ChunksBroken:
                raise BadRequest from None
            is_last = self._chunks.is_complete
        else:
            body, self._received = data[: self._left], data[self._left :]
            self._left -= len(body)
            is_last = not self._left
        self._stretch += len(body)
        if is_last:
            self._state = State.ANSWERING
            self._timer.deadline = NEVER
        if body or is_last:
            work.take_body(body, is_last=is_last)

    # Ends

    def _finish(self) -> None:
        """Go on to the next request after an answer, or close."""
        self._work = self._head = None
        self._server.total_requests += 1
        if self._state is State.BODY:
            self._linger()
        elif not self._is_kept:
            self._end_by(_CLOSE_AT_END)
            self._close()
        else:
            self._state = State.IDLE
            self._timer.expect(self._limits.idle)
            if self._is_reading_paused:
                self.resume_reading()
            if self._received:
                self._plan_read_on()
            elif self._has_ended:
                self._close()

    def _plan_read_on(self) -> None:
        """Read what was pipelined once other connections have had their turn."""
        if not self._is_read_on_planned:
            self._is_read_on_planned = True
            self.loop.call_soon(self._read_ahead)

    def _read_ahead(self) -> None:
        self._is_read_on_planned = False
        if self._state is State.IDLE and self.is_writable and not self._transport.is_closing():
            self._reads_ahead = True
            self._read_on()
            self._reads_ahead = False
            if self._has_ended and not self._is_read_on_planned:
                self._go_on_without_more()

    def _go_on_without_more(self) -> None:
        """Keep a half-closed client while its request is answered; close where the rest of a request won't come."""
        if self._state is State.ANSWERING:
            self._doubt()
        elif self._state in {State.IDLE, State.HEAD, State.BODY}:
            self._close()

    def _refuse(self, error: AppError) -> None:
        """Answer bytes that are no request, or a body that is wrong, and read no more."""
        self._received = b""
        if self._work is not None:
            self._work.fail(error)
            return
        if self._reads_ahead:  # not a request, but what followed one that was answered
            self._close()
            return
        self._is_kept = False
        self._head = None
        self._state = State.BODY  # its end can't be told
        try:
            self._parts.refuse(self, error)
        except Exception as failure:  # noqa: BLE001 - as in ``_read_on``; this may be called by a timer
            self._crash(failure)

    def _crash(self, error: Exception) -> None:
        work, self._received = self._work, b""
        if work is not None:
            self._is_kept = False
            work.fail(error)
        else:
            log.error("request_failed", exc_info=error)
            self._transport.abort()

    def _linger(self) -> None:
        """Half-close, and give the client a moment to read the answer and close its side."""
        self._state = State.LINGERING
        self._received = b""
        self.resume_reading()
        if not self._transport.is_closing():
            with contextlib.suppress(OSError):  # it has gone; ``connection_lost`` is yet to come
                self._transport.write_eof()
        self._timer.expect(self._limits.linger)

    def _close(self) -> None:
        """Close the connection once the client has taken what waits for it, or has stalled for too long."""
        self._state = State.CLOSING
        self._received = b""
        self._unsent.look(self._transport)
        self._write_timer.deadline = NEVER  # it was started earlier, and would fire too soon
        self._transport.close()
        self._timer.expect(self._limits.write_stall)

    def _end_by(self, linger: bytes) -> None:
        """Set how the connection ends when it is closed: by a reset, or once what was sent is taken."""
        if not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    # Deadlines

    def _run_out(self) -> None:
        """Act on a deadline that passed."""
        match self._state:
            case State.IDLE if not self.is_writable:  # it has an answer to read first
                self._timer.expect(self._limits.idle)
            case State.IDLE:
                self._close()
            case State.HEAD:
                self._refuse(RequestTimeout())
            case State.BODY:
                self._judge_body()
            case State.ANSWERING if self._has_ended and not self._has_progressed():
                self._transport.abort()
            case State.ANSWERING if self._has_ended:
                self._doubt()
            case State.LINGERING:
                self._close()
            case State.CLOSING:
                self._judge_taking()

    def _judge_body(self) -> None:
        """Grant another stretch of time to a body that came fast enough, or that we stopped reading; else refuse it."""
        if self._was_paused or self._stretch >= self._limits.rate * self._limits.body:
            self._stretch, self._was_paused = 0, self._is_reading_paused
            self._timer.expect(self._limits.body)
        else:
            self._refuse(RequestTimeout())

    def _judge_taking(self) -> None:
        """Go on waiting for a client that took some of what waits for it; give up on one that took nothing."""
        if self._unsent.has_shrunk(self._transport):
            (self._timer if self._state is State.CLOSING else self._write_timer).expect(self._limits.write_stall)
        else:
            self._transport.abort()

    def _has_progressed(self) -> bool:
        """Tell whether some of the answer came, or was taken, since ``_doubt`` last looked."""
        return self.has_progressed or self._doubted.has_shrunk(self._transport)

    def _doubt(self) -> None:
        """Keep a half-closed client for a while: it may have gone, which only a write would show."""
        self.has_progressed = False
        self._doubted.look(self._transport)
        self._timer.expect(self._limits.half_closed)


@lru_cache(maxsize=4)
def _encode_own_lines(headers: tuple[RawHeader, ...]) -> tuple[bytes, bool]:
    """Return the server's own header lines, the same for a second's answers, and whether they close connections."""
    return encode_lines(headers), CLOSE in headers
