"""An open WebSocket: bytes relayed unchanged both ways, until one side closes or the caller may no longer go on.

- The connection to the upstream is the tunnel's own: it counts among those of WebSockets and is never reused.
- Back-pressure works both ways: neither side is read faster than the other reads. What a side sent before it closed
  still reaches the other.
- It ends when either side does, when neither sends anything for ``Limits.tunnel_silence`` seconds, and within a second
  of when its caller may no longer go on (``permission``).
- Where the gateway ends it, the client gets a Close frame with the reason, unless that would stand in the middle of a
  frame of the upstream's (``frames``). The upstream's connection just ends.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from gateway.messages.raw_headers import encode_lines
from gateway.websockets.frames import FrameFollower, write_close
from gateway.websockets.handshake import UPGRADE_HEADERS
from gateway.websockets.permission import GOING_AWAY, OUR_FAULT, End, Permission
from gateway.wire.client_connection import ClientConnection
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import UpstreamConnection

LOOK_EVERY = 1.0  # seconds
SHUTTING_DOWN: Final = End(GOING_AWAY, "The server is shutting down")
SILENT: Final = End(GOING_AWAY, "Nothing was sent for too long")
BROKEN: Final = End(OUR_FAULT, "Something went wrong on our side")

log = structlog.get_logger("tunnel")


class Tunnel:
    """One WebSocket; ``report`` logs its end."""

    def __init__(
        self,
        client: ClientConnection,
        connection: UpstreamConnection,
        pool: UpstreamPool,
        permission: Permission,
        report: Callable[[], None],
    ) -> None:
        self._client = client
        self._connection = connection
        self._pool = pool
        self._permission = permission
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._frames = FrameFollower()
        self._look: asyncio.TimerHandle | None = None

    def open(self, status: int, lines: bytes, early: bytes) -> None:
        """Open the tunnel to the client, and relay what the upstream sent early."""
        self._connection.begin_tunnel(self)
        self._plan_look()
        self._client.open_tunnel(self, status, lines + encode_lines(UPGRADE_HEADERS))
        if early:
            self.take_answer(early)

    # What the client's connection calls

    def take_body(self, data: bytes, *, is_last: bool) -> None:
        """Relay the client's bytes."""
        del is_last
        self._heard_at = self._loop.time()
        self._connection.send(data)
        if not self._connection.is_writable:
            self._client.pause_reading()

    def pause_answer(self) -> None:
        """Stop reading the upstream for now: the client is not reading."""
        self._connection.pause_reading()

    def resume_answer(self) -> None:
        """Read the upstream again."""
        self._connection.resume_reading()

    def fail(self, error: Exception) -> None:
        """Close the tunnel: something went wrong."""
        log.info("tunnel_broken_off", reason=repr(error.__cause__ or error))
        self._end(BROKEN)

    def drain(self) -> None:
        """Close the tunnel: the server is shutting down."""
        self._end(SHUTTING_DOWN)

    def abandon(self) -> None:
        """Close the upstream's side: the client's has ended."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
            self._permission.close()
            self._connection.finish_tunnel()
            self._report()

    # What the upstream's connection calls

    def take_answer(self, body: bytes) -> None:
        """Relay the upstream's bytes; when it closes, so does the tunnel."""
        self._heard_at = self._loop.time()
        if body:
            self._frames.feed(body)
            self._client.write(body)
        if self._connection.reader.is_complete:
            self._client.close_tunnel()

    def lose_answer(self, error: Exception) -> None:
        """Give the connection back; close the tunnel first if it was still open."""
        if self._look is not None:
            self.fail(error)
        self._pool.release(self._connection)

    def pause_request(self) -> None:
        """Stop reading the client for now: the upstream is not reading."""
        self._client.pause_reading()

    def resume_request(self) -> None:
        """Read the client again."""
        self._client.resume_reading()

    # No event announces that a token expired or a session was ended: so look

    def _plan_look(self) -> None:
        self._look = self._loop.call_later(LOOK_EVERY, self._look_on)

    def _look_on(self) -> None:
        is_silent = self._loop.time() - self._heard_at > self._connection.limits.tunnel_silence
        try:
            end = SILENT if is_silent else self._permission.find_end()
        except Exception as error:  # noqa: BLE001 - a tunnel that nobody checks would outlive its session
            self.fail(error)
            return
        if end is not None:
            self._end(end)
        else:
            self._plan_look()

    def _end(self, end: End) -> None:
        """Tell the client why, where that can be told, and close the tunnel."""
        if self._frames.is_between and not self._frames.has_closed:
            self._client.write(write_close(*end))
        self._client.close_tunnel()
