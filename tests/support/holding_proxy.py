"""A proxy ahead of the gateway that holds answers back, each until it is released: it imposes an order on them.

Rules say which answers are held, by path or by a header of the request. The gateway has answered by then, so a
held answer is exactly what a slow network is: done there, and not known here.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_DEADLINE = 20  # seconds
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"}

Matches = Callable[[Request], bool]


@dataclass(slots=True)
class Held:
    """One answer: ``arrived`` when the gateway has given it, let go by ``release``."""

    matches: Matches
    is_taken: bool = False
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrived(self) -> None:
        """Return when the gateway has answered; the client knows nothing about it."""
        await asyncio.wait_for(self._arrived.wait(), _DEADLINE)

    def release(self) -> None:
        """Pass the answer on to the client."""
        self._released.set()

    async def wait(self) -> None:
        """Hold it until it is released."""
        self._arrived.set()
        await asyncio.wait_for(self._released.wait(), _DEADLINE)


class HoldingProxy:
    """The proxy as an ASGI application; ``target`` is the gateway's own URL."""

    def __init__(self) -> None:
        self.target = ""
        self._held: list[Held] = []
        # Without a client, which would keep cookies; nothing here is https.
        self._transport = httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def hold_next(self, matches: Matches) -> Held:
        """Hold the answer to the next request that matches, and no other."""
        held = Held(matches)
        self._held.append(held)
        return held

    async def close(self) -> None:
        """Close the connections to the gateway."""
        await self._transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back, in its time."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        held = self._take(request)
        response = await self._ask(request)
        if held is not None:
            await held.wait()
        await response(scope, receive, send)

    def _take(self, request: Request) -> Held | None:
        for held in self._held:
            if not held.is_taken and held.matches(request):
                held.is_taken = True
                self._held.remove(held)
                return held
        return None

    async def _ask(self, request: Request) -> Response:
        passing = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        path = request.scope["raw_path"].decode()
        query = request.scope["query_string"].decode()
        url = f"{self.target}{path}{'?' if query else ''}{query}"
        asked = httpx2.Request(request.method, url, headers=passing, content=await request.body())
        answer = await self._transport.handle_async_request(asked)
        await answer.aread()
        response = Response(answer.content, answer.status_code)
        response.raw_headers = [
            (name, value)
            for name, value in answer.headers.raw
            if name.decode().lower() not in _HOP_BY_HOP | {"content-encoding", "date"}
        ]
        response.raw_headers.append((b"content-length", str(len(answer.content)).encode()))
        return response
