"""The slots at one upstream: how many requests are on their way to it at once, and who waits for a slot.

- Whole requests have ``Limits.connections`` slots. With none free, up to ``Limits.waiting`` of them wait for one, a
  short while; with that queue full, or the time over, they fail with Unavailable (503).
- What a client can draw out at will, a body that is still coming or a WebSocket, has slots of its own
  (``ConnectionUse``), and never waits for one. So has what has lasted for long: its slot is exchanged for one of those.
- An upstream that let several requests in a row time out counts as frozen until it answers again. Meanwhile only a few
  at a time are sent to it (``Limits.probes``); the rest wait briefly for a slot, instead of long for an answer.
"""

import asyncio
from collections import deque

from gateway.wire.fair_timeouts import fair_timeout_at
from gateway.wire.limits import ConnectionUse, Limits
from shared.errors import Unavailable


class Slots:
    """The slots at one upstream."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.in_use = 0  # by whole requests
        self.room = limits.connections  # how many whole requests may be on their way at once
        self.timeouts = 0  # in a row
        self._free = {
            ConnectionUse.BODY: limits.bodies,
            ConnectionUse.TUNNEL: limits.tunnels,
            ConnectionUse.LONG: limits.long,
        }
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    @property
    def is_frozen(self) -> bool:
        """Whether the upstream let too many requests in a row time out."""
        return self.timeouts >= self._limits.timeouts

    def note_timeout(self) -> None:
        """Note that a request timed out."""
        self.timeouts += 1
        if self.is_frozen:
            self.room = min(self._limits.probes, self._limits.connections)

    def note_answer(self) -> None:
        """Note that the upstream answered after a timeout."""
        self.timeouts, self.room = 0, self._limits.connections

    async def take(self, use: ConnectionUse) -> None:
        """Take a slot; raises Unavailable where there is none."""
        if use is not ConnectionUse.WHOLE:
            if self._free[use] == 0:
                raise Unavailable
            self._free[use] -= 1
        elif self.in_use < self.room:
            self.in_use += 1
        else:
            await self._wait_for_turn()

    def give_back(self, use: ConnectionUse) -> None:
        """Take a slot back."""
        if use is ConnectionUse.WHOLE:
            self.in_use -= 1
        else:
            self._free[use] += 1
        if self._waiting:
            self._let_next_in()

    def exchange_for_long(self, use: ConnectionUse) -> bool:
        """Exchange a slot for one of those for what lasts; tell whether there was one."""
        if self._free[ConnectionUse.LONG] == 0:
            return False
        self._free[ConnectionUse.LONG] -= 1
        self.give_back(use)
        return True

    async def _wait_for_turn(self) -> None:
        if len(self._waiting) >= self._limits.waiting:
            raise Unavailable
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            async with fair_timeout_at(loop.time() + self._limits.wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(ConnectionUse.WHOLE)  # the turn came at the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise Unavailable from error
            raise

    def _let_next_in(self) -> None:
        """Give free slots to the requests that have waited longest."""
        while self._waiting and self.in_use < self.room:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_use += 1
                turn.set_result(None)
