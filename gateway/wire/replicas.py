"""What the gateway knows of one replica of an upstream: running requests, idle connections, whether it rests."""

from collections import deque

from gateway.policy.rules import Replica
from gateway.wire.upstream_connection import UpstreamConnection


class Target:
    """One replica; of its idle connections the one used last stands at the end."""

    __slots__ = ("busy", "idle", "replica", "rests_until", "turn")

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.busy = 0
        self.idle: deque[UpstreamConnection] = deque()
        self.rests_until = 0.0
        self.turn = 0

    def find_idle(self, *, since: float) -> UpstreamConnection | None:
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
