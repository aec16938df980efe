"""The cheapest upstream that Python has: a raw ASGI app with constant answers. It asks for no token.

To a GET it answers as many bytes, in the same shape, as ten posts of one author have; to a POST, whose body it does not
read, those of the post that was made.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]

TITLE = "Written under load"
CONTENT = "About as long as a short post is, and it is one."

_MOMENT = "2026-01-01T12:00:00.123000Z"


def _spell(number: int, title: str, content: str, *, published: bool) -> dict[str, object]:
    return {
        "id": number,
        "title": title,
        "content": content,
        "published": published,
        "authorId": 500,
        "createdAt": _MOMENT,
        "updatedAt": _MOMENT,
        "author": {"email": "user500@example.com", "name": "User 500"},
    }


def _join(answer: object) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


BODY = _join(
    [
        _spell(
            number * 1000 - 500,
            f"Post number {number}",
            "Written for the benchmark, about as long as a short post is.",
            published=True,
        )
        for number in range(100, 90, -1)
    ]
)
CREATED = _join(_spell(100_001, TITLE, CONTENT, published=False))


def _answer(status: int, body: bytes) -> tuple[Message, Message]:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


_ANSWERS = {"GET": _answer(HTTPStatus.OK, BODY), "POST": _answer(HTTPStatus.CREATED, CREATED)}


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer any request."""
    del receive
    start, body = _ANSWERS[scope["method"]]
    await send(start)
    await send(body)
