"""How a service shuts down unnoticed: it drains first, announcing its end while it goes on serving, and then exits.

On SIGTERM, for ``seconds``:

- ``/readyz`` answers 503, so that load balancers send no new requests here;
- every answer says ``Connection: close`` (RFC 9112, section 9.6), so that kept-alive connections end between requests;
- all requests that still come are served.

Afterwards uvicorn closes idle connections and lets running requests finish, within its own limit. On a second signal,
on SIGINT, or with 0 seconds, that happens at once. What only waits, such as a long poll, checks ``is_ending`` and ends.
``seconds`` must exceed the balancer's pause between two probes, and the time for which it keeps an idle connection; the
gateway keeps one for 3 s.
"""

import signal
import socket
import time
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import Scope

CLOSE: Final = (b"connection", b"close")
"""The header of every answer while a server drains; it stands among uvicorn's own."""
_SERVER = "gatepost.server"


class DrainingServer(uvicorn.Server):
    """uvicorn's server, but it drains for ``seconds`` before it shuts down."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds
        self._ends_at: float | None = None

    @property
    def is_draining(self) -> bool:
        """Whether it was told to end."""
        return self._ends_at is not None or self.should_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen; from here on every request's scope leads to this server."""
        self.lifespan.state[_SERVER] = self
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to drain, or shut down at once: called by a signal."""
        if sig != signal.SIGTERM or self._ends_at is not None or not self._seconds or not self.started:
            super().handle_exit(sig, frame)
            return
        self._ends_at = time.monotonic() + self._seconds
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers.append(CLOSE)  # rebuilt once a second from the above

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to shut down: called every tenth of a second."""
        if self._ends_at is not None and time.monotonic() >= self._ends_at and not self.should_exit:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)


def is_draining(scope: Scope) -> bool:
    """Tell whether the server that a request came to was told to end."""
    server = _find_server(scope)
    return server is not None and server.is_draining


def is_ending(scope: Scope) -> bool:
    """Tell whether the server takes no more requests, and only waits for running ones."""
    server = _find_server(scope)
    return server is not None and server.should_exit


def _find_server(scope: Scope) -> DrainingServer | None:
    found: DrainingServer | None = scope.get("state", {}).get(_SERVER)
    return found
