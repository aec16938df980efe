"""The cheapest upstream that Python has: a raw ASGI app with one constant answer. It asks for no token.

Its body has the size and shape of ten posts of one author, as the posts service answers them.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

_MOMENT = "2026-01-01T12:00:00.123000Z"
BODY = json.dumps(
    [
        {
            "id": number * 1000 - 500,
            "title": f"Post number {number}",
            "content": "Written for the benchmark, about as long as a short post is.",
            "published": True,
            "authorId": 500,
            "createdAt": _MOMENT,
            "updatedAt": _MOMENT,
            "author": {"email": "user500@example.com", "name": "User 500"},
        }
        for number in range(100, 90, -1)
    ],
    separators=(",", ":"),
).encode()
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer any request."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})
