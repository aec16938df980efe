"""The pool of connections to one upstream: which replica is used, and what is kept alive.

- The replica with the fewest running requests is used. One that could not be reached, let a request time out, or said
  ``Connection: close`` is avoided for a moment, unless all of them are. Where no connection can be made the next
  replica is tried: nothing of the request has been sent yet.
- A connection is kept alive only when its exchange ended complete and clean. It is closed once it has been idle for
  ``Limits.idle``, which is shorter than the upstream's own keep-alive.
- How many are in use at once is for ``slots`` to say. A request that has lasted for ``Limits.long_after``, be it that
  its answer comes slowly, is taken slowly or has not begun, gets one of the slots for that; so does at once what is
  known to last (``make_long``). Where these slots are gone it keeps its own. While the upstream is frozen, a request
  whose answer has not begun keeps its own, too: it is a probe.

This module moves no bytes of any request. Everything runs on one event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from gateway.policy.upstreams import Replica, Upstream
from gateway.wire.connector import Connector
from gateway.wire.limits import ConnectionUse, Limits
from gateway.wire.slots import Slots
from gateway.wire.tls import create_context
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
        self._connector = Connector(create_context(upstream.replicas, upstream.authorities), limits)
        self._slots = Slots(limits)
        self._begun: dict[UpstreamConnection, float] = {}  # in use, since when; the oldest first
        self._held: dict[UpstreamConnection, ConnectionUse] = {}  # those that are not in use by whole requests
        self._turn = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
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
        if self._watch is None:
            self._plan_watch()
        began = time.monotonic()
        await self._slots.take(use)
        try:
            connection = await self._get_connection(fresh=fresh)
        except BaseException:
            self._slots.give_back(use)
            raise
        if use is not ConnectionUse.WHOLE:
            self._held[connection] = use
        if use is not ConnectionUse.TUNNEL:
            self._begun[connection] = began
        return connection

    def take(self) -> UpstreamConnection | None:
        """Return a kept-alive connection for a whole request, as ``wait`` would; None where that would have to wait."""
        slots = self._slots
        if slots.in_use >= slots.room:
            return None
        if self._watch is None:
            self._plan_watch()
        now = time.monotonic()
        target = self._choose(now)
        connection = target.take_idle(since=now - self._limits.idle)
        if connection is not None:
            slots.in_use += 1
            self._take_turn(target)
            self._begun[connection] = now
        return connection

    def release(self, connection: UpstreamConnection) -> None:
        """Take a connection back after its exchange, however that ended."""
        target = self._targets[connection.replica]
        target.busy -= 1
        if connection.has_timed_out:
            self._slots.note_timeout()
            target.avoided_until = time.monotonic() + self._limits.back_off
        elif connection.has_answered and self._slots.timeouts:
            self._slots.note_answer()
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
        self._begun.pop(connection, None)
        self._slots.give_back(self._held.pop(connection, ConnectionUse.WHOLE) if self._held else ConnectionUse.WHOLE)

    def make_long(self, connection: UpstreamConnection) -> None:
        """Let an exchange go on in a slot for what lasts, where it has another, and one is free."""
        use = self._held.get(connection, ConnectionUse.WHOLE)
        if connection in self._begun and connection.is_request_sent and self._slots.exchange_for_long(use):
            del self._begun[connection]
            self._held[connection] = ConnectionUse.LONG

    def describe(self) -> "PoolState":
        """Return how the pool is doing; may be called from another thread."""
        now, slots = time.monotonic(), self._slots
        resting = sum(target.avoided_until > now for target in self._targets.values())
        return PoolState(slots.in_use + len(self._held), slots.waiting, len(self._targets), resting)

    def close(self) -> None:
        """Close the idle connections; one in use is closed when it is given back."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for target in self._targets.values():
            target.close_idle(before=float("inf"))

    def _plan_watch(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(self._limits.long_after / 2, self._look_for_long_ones)

    def _look_for_long_ones(self) -> None:
        """Give what has lasted for long a slot of its own kind."""
        self._watch = None
        before = time.monotonic() - self._limits.long_after
        for connection, begun in list(self._begun.items()):
            if begun > before:
                break
            if not self._slots.is_frozen or connection.reader.head is not None:
                self.make_long(connection)
        if self._begun:
            self._plan_watch()

    async def _get_connection(self, *, fresh: bool) -> UpstreamConnection:
        unreachable: set[Replica] = set()
        while len(unreachable) < len(self._targets):
            now = time.monotonic()
            target = self._choose(now, unreachable)
            connection = None if fresh else target.take_idle(since=now - self._limits.idle)
            self._take_turn(target)
            try:
                return connection or await self._connector.connect(target.replica)
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

    def _plan_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._limits.idle, self._close_stale)

    def _close_stale(self) -> None:
        self._sweep = None
        before = time.monotonic() - self._limits.idle
        for target in self._targets.values():
            target.close_idle(before=before)
        if any(target.idle for target in self._targets.values()):
            self._plan_sweep()
