"""The auth service as the posts service meets it: a real HTTP server on loopback that tells of users, or misbehaves."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from shared.tokens import KeyRing, ServiceTokens

OK = "HTTP/1.1 200 OK"


@dataclass(slots=True)
class FakeAuthService:
    """Knows ``users``; ``misbehave`` makes it answer something else, ``pause`` makes it slow; ``asked`` remembers."""

    tokens: ServiceTokens
    url: str = ""
    users: dict[int, dict[str, object]] = field(default_factory=dict)
    misbehave: Callable[[], bytes] | None = None
    pause: float = 0.0
    asked: list[list[int]] = field(default_factory=list)

    def add(self, user_id: int, name: str) -> None:
        """Let a user be known."""
        self.users[user_id] = {"id": user_id, "name": name, "email": f"{name.lower()}@example.com"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        await asyncio.sleep(self.pause)
        writer.write(self.misbehave() if self.misbehave else self._answer(head))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    def _answer(self, head: str) -> bytes:
        request_line, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        token = headers["authorization"].removeprefix("Bearer ")
        assert self.tokens.verify(token, callee="auth_service", now=int(time.time())) == "posts_service"
        target = urlsplit(request_line.split(" ")[1])
        assert target.path == "/internal/users"
        ids = [int(text) for text in parse_qs(target.query)["ids"][0].split(",")]
        self.asked.append(ids)
        return answer_with([self.users[user_id] for user_id in ids if user_id in self.users])


def answer_with(value: object, status_line: str = OK) -> bytes:
    """Return the bytes of a JSON answer."""
    body = json.dumps(value).encode()
    head = (
        f"{status_line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@contextlib.asynccontextmanager
async def running_auth_service(secret: str) -> AsyncIterator[FakeAuthService]:
    """Give a fake that listens on a free port and takes service tokens signed with ``secret``."""
    fake = FakeAuthService(ServiceTokens(KeyRing(secret)))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    fake.url = f"http://{host}:{port}"
    async with server:
        yield fake
