"""The gateway's own pages as answers: a Starlette application, called through ASGI for one request at a time.

Its pages are short and take no body: an answer is collected as a whole, and a request's body is not read.
"""

import asyncio
import re
from collections.abc import MutableMapping

from starlette.types import ASGIApp, Message, Scope

from gateway.messages.raw_headers import encode_lines
from gateway.messages.request_heads import RequestHead
from gateway.wire.own_answers import Answer, build_scope
from shared.observing.request_context import RequestRecord

_NO_HEADER = re.compile(rb"[\x00\r\n]")  # what would end a line; RFC 9110, section 5.5


class OwnPages:
    """Calls ``application`` for the gateway's own pages; ``state`` is that of the server's lifespan."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.state: MutableMapping[str, object] = {}

    async def answer(self, head: RequestHead, record: RequestRecord, peer: str = "") -> Answer:
        """Return the answer to a request; ``peer`` is the address that it came from."""
        scope = build_scope(head, record)
        scope["client"] = (peer, 0) if peer else None
        scope["state"] = self.state
        return await self._ask(scope)

    async def _ask(self, scope: Scope) -> Answer:
        status, lines, body = 500, b"", []
        has_read = False

        async def receive() -> Message:
            nonlocal has_read
            if has_read:  # a second call waits for the client to go, which cancels this task
                await asyncio.get_running_loop().create_future()
            has_read = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, lines
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                if any(_NO_HEADER.search(name) or _NO_HEADER.search(value) for name, value in headers):
                    raise RuntimeError("a header that would be more than one line")
                status, lines = message["status"], encode_lines(headers)
            else:
                body.append(message.get("body", b""))

        await self._application(scope, receive, send)
        return Answer(status, lines, b"".join(body))
