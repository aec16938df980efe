"""What time it is where a call between services is answered: ``X-Gatepost-Clock: RECEIVED SENT``, both in Unix seconds.

RECEIVED is when the request came, SENT when the answer began: so a caller knows the difference of the clocks as exactly
as the way there and back takes (as in RFC 5905, section 8), however long the answer was waited for. Every answer has
it, a refusal too: a clock that is off is why calls are refused.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observing.clocks import Clocks

CLOCK_HEADER = "X-Gatepost-Clock"
_NAME = CLOCK_HEADER.lower().encode()
_INTERNAL = "/internal/"


class ClockMiddleware:
    """Adds the header to the answers of calls between services."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].startswith(_INTERNAL):
            await self._app(scope, receive, send)
            return
        received = time.time()

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                line = (_NAME, f"{received:.3f} {time.time():.3f}".encode())
                message = {**message, "headers": [*message["headers"], line]}
            await send(message)

        await self._app(scope, receive, stamp)


def note_clock(clocks: Clocks, peer: str, stamps: str | None, asked_at: float, answered_at: float) -> None:
    """Note the difference of a peer's clock by the header of its answer; a release without that is not compared.

    The times are ours: when the request was sent, and when the answer began to come.
    """
    try:
        received, sent = map(float, (stamps or "").split())
    except ValueError:
        return
    clocks.note(peer, sent - answered_at, received - asked_at)
