"""The gateway's protocol with the fast path: one client's connection, as the gateway is run.

A request that is simple in every respect is given to ``fast_path`` as it came. While it is on its way, what the client
sends waits, and is read afterwards like everything else. All that is not simple is ``protocol``'s.
"""

import asyncio
from functools import lru_cache
from typing import cast

from starlette.types import Scope

from gateway.app import GatewayApp
from gateway.gate import BEGUN
from gateway.wire.client_exchange import create_exchange, describe_request
from gateway.wire.client_limits import Awaits
from gateway.wire.fast_path import FastExchange, FastPath
from gateway.wire.headers import RawHeader, encode_lines
from gateway.wire.protocol import GatewayProtocol
from shared.draining import CLOSE
from shared.request_context import keep_record


class FastGatewayProtocol(GatewayProtocol):
    """One client's connection."""

    _fast: FastPath | None = None
    _exchange: FastExchange | None = None
    _ends_after = False

    @property
    def peer(self) -> str:
        """The address of the other end."""
        return self.client[0] if self.client else ""

    # What the event loop and the server call

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        if isinstance(self.app, GatewayApp):
            self._fast = self.app.fast_path
            self.reports = self._fast.reports

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is on its way: the client has gone."""
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End the connection, after the answer that is due."""
        if self._exchange is not None:
            self._ends_after = True
        else:
            super().shutdown()

    # What the fast path calls

    def finish_fast(self, head: bytes, lines: bytes, body: bytes) -> None:
        """Send a whole answer and wait for the next request."""
        self._exchange = None
        self.server_state.total_requests += 1
        defaults = self.server_state.default_headers
        own_lines = _encode_own_lines(tuple(defaults))
        if self._ends_after or CLOSE in defaults:
            closing = b"" if CLOSE in defaults else b"connection: close\r\n"
            self.transport.write(b"".join((head, own_lines, lines, closing, b"\r\n", body)))
            self._end()
            return
        self.transport.write(b"".join((head, own_lines, lines, b"\r\n", body)))
        self._await(Awaits.REQUEST, self.limits.idle)
        self._read_ahead()

    def go_on_slowly(self, exchange: FastExchange) -> None:
        """Let the application go on with a request that was sent."""
        self._exchange = None
        self.on_message_begin()
        facts = exchange.facts
        self.headers.extend(facts.headers)
        describe_request(self, facts.method, "1.1", facts.path.raw, facts.query)
        scope = cast("Scope", self.scope)
        scope[BEGUN] = exchange
        keep_record(scope, exchange.record)
        self.cycle = create_exchange(self, keep_alive=not self._ends_after)
        self.cycle.more_body = False
        self._awaits = Awaits.ANSWER
        self._start_asgi_task(self.cycle, self.app)

    def _begins(self, data: bytes) -> bool:
        """Tell whether the bytes were a request that is now on its way."""
        if self._fast is None or self._awaits is not Awaits.REQUEST or self._is_deaf or self.flow.write_paused:
            return False
        self._exchange = self._fast.begin(self, data)
        if self._exchange is None:
            return False
        self._awaits = Awaits.ANSWER
        return True

    def _read(self, data: bytes) -> None:
        if not self._begins(data):
            super()._read(data)

    def _is_busy(self) -> bool:
        return self._exchange is not None or super()._is_busy()


@lru_cache(maxsize=4)
def _encode_own_lines(headers: tuple[RawHeader, ...]) -> bytes:
    """Return the server's own header lines: the same for all answers of a second."""
    return encode_lines(headers)
