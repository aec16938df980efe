"""The wait of one connection, kept without a timer for each message.

A connection has one timer. What it is waited for is only noted; when the timer runs out the note is read, and where the
deadline has moved on the timer is set anew. So a request costs a few notes and no timer.
"""

import asyncio
from collections.abc import Callable

from shared.fast.switch import FAST

NEVER = float("inf")


class LazyTimer:
    """One timer that calls ``ring`` no earlier than the deadline noted last, and as soon as it has passed."""

    __slots__ = ("_handle", "_is_lazy", "_loop", "_ring", "_set_for", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._is_lazy = FAST.is_on
        self._handle: asyncio.TimerHandle | None = None
        self._set_for = NEVER
        self.deadline = NEVER

    def expect(self, seconds: float) -> None:
        """Note a deadline, so many seconds from now, in place of the one before."""
        self.deadline = deadline = self._loop.time() + seconds
        if deadline < self._set_for:
            self._set(deadline)

    def cancel(self) -> None:
        """Never ring again, and let go of whom it would have rung for."""
        self.deadline = NEVER
        self._ring = _ring_for_nobody
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set(self, deadline: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._set_for = deadline if self._is_lazy else NEVER
        self._handle = self._loop.call_at(deadline, self._run_out)

    def _run_out(self) -> None:
        self._set_for = NEVER
        self._handle = None
        if self.deadline <= self._loop.time():
            self.deadline = NEVER
            self._ring()
        elif self.deadline < NEVER:
            self._set(self.deadline)


def _ring_for_nobody() -> None:
    """Take the place of what a timer rang for."""
