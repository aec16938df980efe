"""One connection to an upstream: one exchange at a time, streaming both ways with back-pressure (RFC 9112, section 9).

Bytes are understood by ``upstream_response``; here they are moved, and every wait has an end:

- for the first byte of the answer, counted from the end of the request;
- for the next piece of the body, and for the upstream to take more of the request.

Reading stops while more than ``HIGH_WATER`` bytes of the answer wait to be taken, so memory is bounded by how fast the
client reads. Whatever goes wrong is kept as the one error of the connection, is raised wherever the exchange waits,
and closes the connection. ``AnswerMissing`` is the only error after which a request may be sent again.
"""

import asyncio
from typing import cast

from gateway.policy.rules import Replica
from gateway.wire.answer_reader import AnswerBroken, AnswerTaker, ResponseHead, ResponseReader
from gateway.wire.limits import Limits
from shared.errors import UpstreamFailed, UpstreamTimeout
from shared.lazy_timer import NEVER, LazyTimer

HIGH_WATER = 64 * 1024  # bytes


class AnswerMissing(Exception):
    """The connection ended before a single byte was answered."""


class UpstreamConnection(asyncio.Protocol):
    """The gateway's side of one connection."""

    __slots__ = (
        *("_error", "_is_paused", "_is_request_sent", "_is_writable", "_last_heard", "_limits"),
        *("_loop", "_reader", "_taker", "_timer", "_transport", "_waiter", "_write_waiter"),
        *("asked_at", "has_answered", "idle_since", "replica", "was_used"),
    )

    def __init__(self, replica: Replica, limits: Limits) -> None:
        self.replica = replica
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._write_waiter: asyncio.Future[None] | None = None
        self._taker: AnswerTaker | None = None
        self._timer = LazyTimer(self._loop, self._time_out)
        self._last_heard = self.idle_since = self.asked_at = 0.0
        self._is_writable = True
        self._is_paused = self._is_request_sent = self.has_answered = self.was_used = False

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be exchanged."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Whether the exchange is over, complete and clean on both sides, so that another may follow."""
        return self._reader.is_ready and self._is_request_sent and self.is_open

    @property
    def has_timed_out(self) -> bool:
        """Whether the upstream was given up without having answered a single byte."""
        return isinstance(self._error, UpstreamTimeout) and not self.has_answered

    @property
    def is_last(self) -> bool:
        """Whether the upstream said that this exchange is the last on this connection."""
        return self._reader.is_last

    @property
    def is_complete(self) -> bool:
        """Whether the whole answer has come and has been taken."""
        return self._reader.is_complete and not self._reader.buffered

    def begin(self, head: bytes, *, is_head_request: bool, is_upgrade: bool = False) -> None:
        """Send a request's head. Only on a new connection, or one that is reusable."""
        self._reader.expect(is_head_request=is_head_request, is_upgrade=is_upgrade)
        self._is_request_sent = self.has_answered = False
        self.asked_at = self._loop.time()
        self._send(head)

    async def send_body(self, body: bytes) -> None:
        """Send a piece of the request's body, and wait while the upstream takes no more."""
        self._last_heard = self._loop.time()
        self._send(body)
        while not self._is_writable and self._error is None:
            self._write_waiter = self._loop.create_future()
            await self._wait(self._write_waiter, self._limits.silence)

    def finish_request(self) -> None:
        """Say that the request has been sent; from here the upstream's time to answer counts."""
        self._is_request_sent = True
        if self._waiter is not None:
            self._wake()  # to wait on, but with a deadline

    def ask(self, head: bytes, taker: AnswerTaker) -> None:
        """Send a whole request, whose answer somebody gets while the reader rests. Only on a reusable connection."""
        self.has_answered = False
        self._taker = taker
        self.asked_at = self._loop.time()
        self.wait_on()
        self._send(head)

    def wait_on(self) -> None:
        """Wait as long again for the next piece of an answer that somebody gets."""
        self._timer.expect(self._limits.first_byte)

    def pass_over(self) -> None:
        """End the exchange: a whole and plain answer was taken as it came."""
        self._taker = None
        self._timer.deadline = NEVER

    def keep_answer(self) -> None:
        """Keep the answer, from its beginning, for ``read_head``."""
        self.pass_over()
        self._reader.expect(is_head_request=False)

    def begin_tunnel(self) -> None:
        """Wait for either side as long as it takes: silence is for ``is_silent`` to judge."""
        self._is_request_sent = False
        self._last_heard = self._loop.time()

    @property
    def is_silent(self) -> bool:
        """Whether no byte went either way of a tunnel for too long."""
        return self._loop.time() - self._last_heard > self._limits.tunnel_silence

    async def read_head(self) -> ResponseHead:
        """Return the head of the answer, or raise the exchange's error."""
        while self._reader.head is None or (self._error is not None and not self._reader.is_complete):
            await self._wait_for_answer(self._limits.first_byte)
        return self._reader.head

    async def read_body(self) -> bytes:
        """Return what has come of the answer's body since the last call; empty only at its end."""
        reader = self._reader
        while not reader.buffered and not reader.is_complete:
            await self._wait_for_answer(self._limits.silence)
        body = reader.take_body()
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return body

    def fail(self, error: Exception) -> None:
        """End the exchange with an error (the first one counts) and close the connection."""
        self._error = self._error or error
        if self._transport is not None:
            self._transport.abort()
        self._wake()
        if self._taker is not None:
            self._taker.take_failure()

    def close(self) -> None:
        """Close the connection at once: what was still to be sent is of no use to anyone. Nobody may wait on it."""
        if self._transport is not None:
            self._transport.abort()
        self._error = None  # its traceback refers to this connection: only the collector would find the two

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        """Read bytes of the answer; stop reading while too many wait."""
        self.has_answered = True
        if self._taker is not None:
            data = self._taker.take_answer(data)
            if not data:
                return
        self._last_heard = self._loop.time()
        try:
            self._reader.feed(data)
        except AnswerBroken as broken:
            self._break(broken)
            return
        if self._reader.buffered > HIGH_WATER and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Take note that no more comes; the transport closes by itself."""
        try:
            self._reader.end()
        except AnswerBroken as broken:
            self._break(broken)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever still waits."""
        self._timer.cancel()
        if self._taker is not None or not self._reader.is_complete:
            self._break(exc or AnswerBroken("connection lost"))
        self._reader.close()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Take note that the upstream takes no more for now."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """Let the sender go on."""
        self._is_writable = True
        if self._write_waiter is not None and not self._write_waiter.done():
            self._write_waiter.set_result(None)

    def _send(self, data: bytes) -> None:
        if self.is_open and self._transport is not None:
            self._transport.write(data)

    def _break(self, cause: Exception) -> None:
        error: Exception = UpstreamFailed() if self.has_answered else AnswerMissing()
        error.__cause__ = cause
        self.fail(error)

    async def _wait_for_answer(self, seconds: float) -> None:
        """Wait until anything changes, or raise the error. The upstream's time counts once it has the whole request."""
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._wait(self._waiter, seconds if self._is_request_sent else None)
        finally:
            self._waiter = None

    async def _wait(self, waiter: "asyncio.Future[None]", seconds: float | None) -> None:
        if seconds is None:
            await waiter
            return
        deadline = self._loop.call_later(seconds, self._time_out)
        try:
            await waiter
        finally:
            deadline.cancel()

    def _time_out(self) -> None:
        self.fail(UpstreamTimeout())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
