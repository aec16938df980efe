"""The pool of connections to one upstream: which replica is used, what is kept alive, and how many are in use at once.

- The replica with the fewest running requests is used. One that could not be reached, let a request time out, or said
  ``Connection: close`` is avoided for a moment, unless all of them are. Where no connection can be made the next
  replica is tried: nothing of the request has been sent yet.
- A connection is kept alive only when its exchange ended complete and clean. It is closed once it has been idle for
  ``Limits.idle``, which is shorter than the upstream's own keep-alive.
- At most ``Limits.connections`` are in use. With none free, up to ``Limits.waiting`` requests wait for one, a short
  while; with that queue full, or the time over, fail with Unavailable (503).
- An upstream that let several requests in a row time out counts as frozen until it answers again. Meanwhile only a few
  at a time are sent to it (``Limits.probes``); the rest wait briefly for a slot, instead of long for an answer.
- All this holds for requests that are at hand as a whole. What a client can draw out at will, a body that is still
  coming or a WebSocket, has slots of its own (``ConnectionUse``), and never waits for one.

This module moves no bytes of any request. Everything runs on one event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from gateway.policy.rules import Replica, Upstream
from gateway.wire.limits import ConnectionUse, Limits
from gateway.wire.upstream_connection import UpstreamConnection
from shared.errors import Unavailable

log = structlog.get_logger("upstream")


@dataclass(frozen=True, slots=True)
class PoolState:
    """How many requests are on their way, and how many wait; how many replicas there are, and how many are avoided."""

    running: int
    waiting: int
    replicas: int
    resting: int


class Target:
    """One replica, and its idle connections, the one used last at the end."""

    __slots__ = ("avoided_until", "busy", "idle", "replica", "turn")

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.busy = 0
        self.idle: deque[UpstreamConnection] = deque()
        self.avoided_until = 0.0
        self.turn = 0

    def take_idle(self, *, since: float) -> UpstreamConnection | None:
        """Return the connection used last, if it is still good; else None."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_reusable and connection.idle_since >= since:
                return connection
            connection.close()
        return None

    def close_idle(self, *, before: float) -> None:
        """Close the connections that have been idle since before a time."""
        while self.idle and self.idle[0].idle_since < before:
            self.idle.popleft().close()


class UpstreamPool:
    """The connections to one upstream of the policy."""

    def __init__(self, upstream: Upstream, limits: Limits) -> None:
        self.upstream = upstream
        self._limits = limits
        self._targets = {replica: Target(replica) for replica in upstream.replicas}
        self._only = next(iter(self._targets.values())) if len(self._targets) == 1 else None
        self._in_use = 0  # by whole requests
        self._timeouts = 0  # in a row
        self._free = {ConnectionUse.BODY: limits.bodies, ConnectionUse.TUNNEL: limits.tunnels}
        self._held: dict[UpstreamConnection, ConnectionUse] = {}  # by others
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turn = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def name(self) -> str:
        """The upstream's name."""
        return self.upstream.name

    @property
    def answer_within(self) -> float:
        """How many seconds the upstream has to begin an answer."""
        return self._limits.first_byte

    async def wait(self, use: ConnectionUse = ConnectionUse.WHOLE, *, fresh: bool = False) -> UpstreamConnection:
        """Return a connection for one exchange, to be given back by ``release``; a new one if ``fresh``.

        Raises Unavailable where there is none.
        """
        await self._take_slot(use)
        try:
            connection = await self._get_connection(fresh=fresh)
        except BaseException:
            self._free_slot(use)
            raise
        if use is not ConnectionUse.WHOLE:
            self._held[connection] = use
        return connection

    def take(self) -> UpstreamConnection | None:
        """Return a kept-alive connection for a whole request, as ``wait`` would; None where that would have to wait."""
        if self._in_use >= self._room:
            return None
        now = time.monotonic()
        target = self._choose(now)
        connection = target.take_idle(since=now - self._limits.idle)
        if connection is not None:
            self._in_use += 1
            self._take_turn(target)
        return connection

    def release(self, connection: UpstreamConnection) -> None:
        """Take a connection back after its exchange, however that ended."""
        target = self._targets[connection.replica]
        target.busy -= 1
        if connection.has_timed_out:
            self._timeouts += 1
            target.avoided_until = time.monotonic() + self._limits.back_off
        elif connection.has_answered:
            self._timeouts = 0
        if connection.is_reusable and not self._is_closed:
            connection.was_used = True
            connection.idle_since = time.monotonic()
            target.idle.append(connection)
            if self._sweep is None:
                self._plan_sweep()
        else:
            connection.close()
            if connection.reader.is_last:
                target.avoided_until = time.monotonic() + self._limits.back_off
        self._free_slot(self._held.pop(connection, ConnectionUse.WHOLE))

    def describe(self) -> "PoolState":
        """Return how the pool is doing; may be called from another thread."""
        now = time.monotonic()
        resting = sum(target.avoided_until > now for target in self._targets.values())
        return PoolState(self._in_use + len(self._held), len(self._waiting), len(self._targets), resting)

    def close(self) -> None:
        """Close the idle connections; one in use is closed when it is given back."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for target in self._targets.values():
            target.close_idle(before=float("inf"))

    @property
    def _room(self) -> int:
        """How many whole requests may be on their way at once."""
        is_frozen = self._timeouts >= self._limits.timeouts
        return min(self._limits.probes, self._limits.connections) if is_frozen else self._limits.connections

    async def _take_slot(self, use: ConnectionUse) -> None:
        if use is not ConnectionUse.WHOLE:
            if self._free[use] == 0:
                raise Unavailable
            self._free[use] -= 1
        elif self._in_use < self._room:
            self._in_use += 1
        else:
            await self._wait_for_turn()

    def _free_slot(self, use: ConnectionUse) -> None:
        if use is ConnectionUse.WHOLE:
            self._in_use -= 1
        else:
            self._free[use] += 1
        self._let_next_in()

    async def _wait_for_turn(self) -> None:
        if len(self._waiting) >= self._limits.waiting:
            raise Unavailable
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._limits.wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free_slot(ConnectionUse.WHOLE)  # the turn came at the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise Unavailable from error
            raise

    def _let_next_in(self) -> None:
        """Give free slots to the requests that have waited longest."""
        while self._waiting and self._in_use < self._room:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_use += 1
                turn.set_result(None)

    async def _get_connection(self, *, fresh: bool) -> UpstreamConnection:
        unreachable: set[Replica] = set()
        while len(unreachable) < len(self._targets):
            now = time.monotonic()
            target = self._choose(now, unreachable)
            connection = None if fresh else target.take_idle(since=now - self._limits.idle)
            self._take_turn(target)
            try:
                return connection or await self._connect(target.replica)
            except OSError as error:  # a timeout is one too
                target.busy -= 1
                target.avoided_until = (
                    time.monotonic() + self._limits.back_off
                )  # the clock again: this may have taken long
                unreachable.add(target.replica)
                log.warning("upstream_unreachable", upstream=self.name, reason=repr(error))
            except BaseException:
                target.busy -= 1
                raise
        raise Unavailable

    def _choose(self, now: float, excluded: Collection[Replica] = ()) -> Target:
        """Return the replica to use: one not avoided, the least busy, and among equals the one used longest ago."""
        if self._only is not None:
            return self._only
        targets = [target for target in self._targets.values() if target.replica not in excluded]
        return min(targets, key=lambda target: (target.avoided_until > now, target.busy, target.turn))

    def _take_turn(self, target: Target) -> None:
        target.busy += 1
        self._turn += 1
        target.turn = self._turn

    async def _connect(self, replica: Replica) -> UpstreamConnection:
        loop, connection = asyncio.get_running_loop(), UpstreamConnection(replica, self._limits)
        async with asyncio.timeout(self._limits.connect):
            if replica.port is None:
                await loop.create_unix_connection(lambda: connection, replica.host)
            else:
                await loop.create_connection(lambda: connection, replica.host, replica.port)
        return connection

    def _plan_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._limits.idle, self._close_stale)

    def _close_stale(self) -> None:
        self._sweep = None
        before = time.monotonic() - self._limits.idle
        for target in self._targets.values():
            target.close_idle(before=before)
        if any(target.idle for target in self._targets.values()):
            self._plan_sweep()
