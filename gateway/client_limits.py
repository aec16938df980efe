"""How long a client is waited for, and how the wait for one connection is kept without a timer for each message.

A client owes something in every state but one; ``Awaits`` names them. A connection has one timer. What it is waited for
is only noted; when the timer runs out the note is read, and where the deadline has moved on the timer is set anew.
So a request costs three notes and no timer. Pure but for the loop's clock and timers.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long a client is waited for, in seconds.

    A body may take ``body`` seconds in all, or longer while each further stretch of that length brings ``rate`` bytes
    a second; time in which the gateway itself stopped reading does not count. ``write_stall`` is how long a client
    may take nothing of what waits for it: until then the answer's memory and its upstream connection are held.
    ``linger`` is how long what a refused client still sends is read and thrown away, so that it gets to see the
    refusal (RFC 9112, 9.6).
    """

    idle: float = 5.0  # before the first byte of a request
    head: float = 5.0  # from its first byte to its last
    body: float = 30.0
    rate: int = 1024  # bytes a second
    write_stall: float = 60.0
    linger: float = 2.0


class Awaits(Enum):
    """What a connection waits for."""

    REQUEST = auto()  # the first byte of the next request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    ANSWER = auto()  # nothing of the client: the answer is being made or sent
    SILENCE = auto()  # that a refused client has read its answer
    END = auto()  # the end of the connection


class LazyTimer:
    """One timer that calls ``ring`` no earlier than the deadline noted last, and as soon as it has passed."""

    __slots__ = ("_handle", "_loop", "_ring", "_set_for", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._set_for = NEVER
        self.deadline = NEVER

    def expect(self, seconds: float) -> None:
        """Note a deadline, so many seconds from now, in place of the one before."""
        self.deadline = deadline = self._loop.time() + seconds
        if deadline < self._set_for:
            self._set(deadline)

    def cancel(self) -> None:
        """Never ring again."""
        self.deadline = NEVER
        if self._handle is not None:
            self._handle.cancel()

    def _set(self, deadline: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._set_for = deadline
        self._handle = self._loop.call_at(deadline, self._run_out)

    def _run_out(self) -> None:
        self._set_for = NEVER
        self._handle = None
        if self.deadline <= self._loop.time():
            self.deadline = NEVER
            self._ring()
        elif self.deadline < NEVER:
            self._set(self.deadline)
