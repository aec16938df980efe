"""A connection's deadline, kept without a timer for each message.

A connection has one timer. A new deadline is only noted; when the timer fires the note is read, and if the deadline has
moved the timer is set again. So a request costs a few assignments and no timer.
"""

import asyncio
from collections.abc import Callable

from shared.fast.switch import FAST

NEVER = float("inf")


class LazyTimer:
    """One timer that calls ``ring`` as soon as the deadline noted last has passed, and never earlier."""

    __slots__ = ("_handle", "_is_lazy", "_loop", "_ring", "_set_for", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._is_lazy = FAST.is_on
        self._handle: asyncio.TimerHandle | None = None
        self._set_for = NEVER
        self.deadline = NEVER

    def expect(self, seconds: float) -> None:
        """Note a deadline, that many seconds from now, replacing the one before."""
        self.deadline = deadline = self._loop.time() + seconds
        if deadline < self._set_for:
            self._set(deadline)

    def cancel(self) -> None:
        """Never ring again, and drop the reference to the callback."""
        self.deadline = NEVER
        self._ring = lambda: None
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
