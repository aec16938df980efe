"""One connection to an upstream: one exchange at a time (RFC 9112, section 9). Callbacks, no coroutines.

``answer_heads`` parses the bytes; a ``Taker`` gets the answer, piece by piece, as it comes. Every wait has a deadline:

- for the head of the answer, from the end of the request (``answer_within``);
- for the next piece of the body, and for the upstream to take more of the request (``silence``). Time in which the
  gateway itself stopped reading, under the client's back-pressure, does not count.

Whatever goes wrong is reported to the taker once, and closes the connection. ``AnswerMissing`` is the only error after
which a request may be retried.
"""

import asyncio
from typing import Protocol, cast

import structlog

from gateway.messages.answer_heads import AnswerBroken, AnswerReader
from gateway.policy.upstreams import Replica
from gateway.wire.limits import Limits
from gateway.wire.tls import is_cut_off
from gateway.wire.unsent import Unsent
from shared.errors import AppError, UpstreamFailed, UpstreamTimeout
from shared.fast.lazy_timer import NEVER, LazyTimer

log = structlog.get_logger("upstream")


class AnswerMissing(Exception):
    """The connection closed without a single byte of an answer."""


class Taker(Protocol):
    """Whatever gets an answer."""

    def take_answer(self, body: bytes) -> None:
        """Take what came: ``reader.head`` is set, or still None; ``body`` is the next piece of the body."""

    def lose_answer(self, error: Exception) -> None:
        """Note that no more will come: an AppError, AnswerMissing, or an error of ours."""

    def pause_request(self) -> None:
        """Stop sending the request for now."""

    def resume_request(self) -> None:
        """Send the request again."""


class UpstreamConnection(asyncio.Protocol):
    """The gateway's side of one connection."""

    __slots__ = (
        "_answer_within",
        "_is_lost",
        "_is_reading_paused",
        "_is_streamed",
        "_loop",
        "_taker",
        "_timer",
        "_transport",
        "_unsent",
        "has_answered",
        "has_timed_out",
        "idle_since",
        "is_request_sent",
        "is_writable",
        "limits",
        "reader",
        "replica",
        "was_used",
    )

    def __init__(self, replica: Replica, limits: Limits) -> None:
        self.replica = replica
        self.reader = AnswerReader()
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._taker: Taker | None = None
        self._timer = LazyTimer(self._loop, self._time_out)
        self._answer_within = 0.0
        self._unsent = Unsent()
        self.idle_since = 0.0
        self.is_writable = True
        self._is_lost = self._is_reading_paused = self.is_request_sent = self._is_streamed = False
        self.has_answered = self.has_timed_out = self.was_used = False

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be exchanged."""
        return not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Whether the exchange ended complete and clean on both sides, so that another may follow."""
        return self.reader.is_ready and self.is_request_sent and self.is_writable and self.is_open

    # What the exchange calls

    def ask(self, data: bytes, taker: Taker, *, answer_within: float | None) -> None:
        """Send a request's head, and what there is of its body; ``reader`` must expect the answer by now.

        ``answer_within`` is the time for the answer's head, in seconds; None while more of the request is to come.
        """
        self._taker = taker
        self.has_answered = False
        self.is_request_sent = answer_within is not None
        self._is_streamed = not self.is_request_sent
        if answer_within is None:
            self._timer.deadline = NEVER
        else:
            self._timer.expect(answer_within)
        self.send(data)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def finish_request(self, data: bytes, answer_within: float) -> None:
        """Send the last bytes of a request; the upstream's time to answer starts now."""
        self.is_request_sent = True
        self._answer_within = answer_within
        self.send(data)
        self._unsent.look(self._transport)
        if not self._is_reading_paused:
            self._timer.expect(answer_within if self.reader.head is None else self.limits.silence)

    def begin_tunnel(self, taker: Taker) -> None:
        """Set no more deadlines: how long either side may be silent is for the tunnel to judge."""
        self._taker = taker
        self.is_request_sent, self._is_streamed = False, True
        self._timer.deadline = NEVER

    def finish_tunnel(self) -> None:
        """Close the connection once the upstream has taken what was sent; then ``lose_answer`` is called."""
        if not self._transport.is_closing():
            self._unsent.look(self._transport)
            self._timer.expect(self.limits.silence)
            self._transport.close()

    def pause_reading(self) -> None:
        """Stop reading for now: the taker can't take more."""
        if not self._transport.is_closing():
            self._is_reading_paused = True
            self._timer.deadline = NEVER
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._is_reading_paused = False
            if self.is_request_sent or not self.is_writable:
                self._timer.expect(self.limits.silence)
            self._transport.resume_reading()

    def let_go(self) -> None:
        """End the exchange: nobody wants what may still come."""
        self._taker = None
        self._timer.deadline = NEVER

    def close(self) -> None:
        """Close the connection at once: what is still unsent is of no use to anyone."""
        self.let_go()
        if not self._is_lost:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        """Read bytes of the answer."""
        taker = self._taker
        self.has_answered = True
        try:
            body = self.reader.feed(data)
            if taker is None:
                return  # unsolicited: the reader has noted it
            if self.reader.head is not None and self._timer.deadline is not NEVER:
                self._timer.expect(self.limits.silence)
            taker.take_answer(body)
        except AnswerBroken as broken:
            self._break(broken)
        except Exception as error:  # noqa: BLE001 - whatever it is ends this exchange and no other
            self._lose(error)

    def eof_received(self) -> None:
        """Note that no more will come; the transport closes by itself."""
        was_complete = self.reader.is_complete
        try:
            self.reader.end(is_cut_off=not was_complete and is_cut_off(self._transport))
            if self._taker is not None and not was_complete:
                self._taker.take_answer(b"")
        except AnswerBroken as broken:
            self._break(broken)
        except Exception as error:  # noqa: BLE001 - the same
            self._lose(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the taker, if there still is one."""
        self._is_lost = True  # asyncio would report an abort that comes after this as a failure
        if self._taker is not None:
            self._break(exc or AnswerBroken("connection lost"))
        self._timer.cancel()

    def pause_writing(self) -> None:
        """Apply back-pressure: the upstream is not reading."""
        self.is_writable = False
        if not self.is_request_sent and not self._is_reading_paused:  # else that may be why it reads nothing
            self._unsent.look(self._transport)
            self._timer.expect(self.limits.silence)
        if self._taker is not None:
            self._taker.pause_request()

    def resume_writing(self) -> None:
        """Release the back-pressure: the upstream reads again."""
        self.is_writable = True
        if not self.is_request_sent and self.is_open:
            self._timer.deadline = NEVER
        if self._taker is not None:
            self._taker.resume_request()

    def _time_out(self) -> None:
        if self._is_streamed and self._unsent.has_shrunk(self._transport):  # it is reading the request, however slowly
            self._timer.expect(self._answer_within if self.is_request_sent else self.limits.silence)
            return
        self.has_timed_out = not self.has_answered
        self._lose(UpstreamTimeout())

    def _break(self, cause: Exception) -> None:
        error: Exception = UpstreamFailed() if self.has_answered else AnswerMissing()
        error.__cause__ = cause
        self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Close the connection and tell the taker why."""
        taker = self._taker
        self.close()
        if taker is not None:
            taker.lose_answer(error)
        elif not isinstance(error, AppError | AnswerMissing):
            log.error("request_failed", exc_info=error)
