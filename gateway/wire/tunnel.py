"""A WebSocket on its way: bytes relayed both ways as they are, until one side ends or may no longer go on.

- The upstream was asked on a connection of its own, which counts among those of WebSockets and is never used again.
- Neither side is read faster than the other takes. What a side said before it ended still reaches the other.
- It ends when either side does, when neither says anything for ``Limits.tunnel_silence`` seconds, and within a second
  when what opened it has ended: the access token's life, or its session. The client then opens another, and is asked
  again who it is.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.wire.client_connection import ClientConnection
from gateway.wire.headers import encode_lines
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import UpstreamConnection
from gateway.wire.websocket import UPGRADE_HEADERS

LOOK_EVERY = 1.0  # seconds

log = structlog.get_logger("tunnel")


class Tunnel:
    """One WebSocket; ``may_go_on`` says whether the caller still may, ``report`` takes note of its end."""

    def __init__(
        self,
        client: ClientConnection,
        connection: UpstreamConnection,
        pool: UpstreamPool,
        may_go_on: Callable[[], bool],
        report: Callable[[], None],
    ) -> None:
        self._client = client
        self._connection = connection
        self._pool = pool
        self._may_go_on = may_go_on
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._look: asyncio.TimerHandle | None = None

    def open(self, status: int, lines: bytes, early: bytes) -> None:
        """Tell the client that the tunnel is open, and relay what came early."""
        self._connection.begin_tunnel(self)
        self._plan_look()
        self._client.open_tunnel(self, status, lines + encode_lines(UPGRADE_HEADERS))
        if early:
            self.take_answer(early)

    # What the client's connection calls

    def take_body(self, data: bytes, *, is_last: bool) -> None:
        """Relay bytes of the client."""
        del is_last
        self._heard_at = self._loop.time()
        self._connection.send(data)
        if not self._connection.is_writable:
            self._client.pause_reading()

    def pause_answer(self) -> None:
        """Read nothing of the upstream for now: the client takes nothing."""
        self._connection.pause_reading()

    def resume_answer(self) -> None:
        """Read on."""
        self._connection.resume_reading()

    def fail(self, error: Exception) -> None:
        """End it, as something went wrong."""
        log.info("tunnel_broken_off", reason=repr(error.__cause__ or error))
        self._client.close_tunnel()

    def drain(self) -> None:
        """End it, as the server is about to end."""
        self._client.close_tunnel()

    def abandon(self) -> None:
        """End: the client's side has ended."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
            self._connection.finish_tunnel()
            self._report()

    # What the upstream's connection calls

    def take_answer(self, body: bytes) -> None:
        """Relay bytes of the upstream; its end is the tunnel's."""
        self._heard_at = self._loop.time()
        if body:
            self._client.write(body)
        if self._connection.reader.is_complete:
            self._client.close_tunnel()

    def lose_answer(self, error: Exception) -> None:
        """Take note that the upstream's side is over; end the tunnel if that was not for its end."""
        if self._look is not None:
            self.fail(error)
        self._pool.release(self._connection)

    def pause_request(self) -> None:
        """Read nothing of the client for now: the upstream takes nothing."""
        self._client.pause_reading()

    def resume_request(self) -> None:
        """Read on."""
        self._client.resume_reading()

    # Time and revocations have no event

    def _plan_look(self) -> None:
        self._look = self._loop.call_later(LOOK_EVERY, self._look_on)

    def _look_on(self) -> None:
        is_silent = self._loop.time() - self._heard_at > self._connection.limits.tunnel_silence
        try:
            if is_silent or not self._may_go_on():
                self._client.close_tunnel()
            else:
                self._plan_look()
        except Exception as error:  # noqa: BLE001 - a tunnel at which nobody looks would outlive its session
            self.fail(error)
