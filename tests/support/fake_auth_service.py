"""The auth service as the others see it: a real HTTP server on loopback that serves what it has, or misbehaves."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from shared.tokens.signed import ServiceTokens
from tests.support.key_publisher import KEYS_PATH, describe_keys
from tests.support.service_callers import tokens_of
from tests.support.signers import USUAL

OK = "HTTP/1.1 200 OK"
LONGEST_WAIT = 0.2  # seconds; shorter than what is asked for, so that no test waits for the end of a poll
PAGE = 500

Json = dict[str, object]
Misbehaviour = Callable[[], bytes]


@dataclass(slots=True)
class FakeAuthService:
    """Knows two feeds; ``cut`` spoils what it answers of them, ``feed_pause`` holds it up.

    ``renew`` answers what is asked of ``/internal/session``, after ``pause``. Without an ``epoch`` it is of the release
    before, which knew of none. What was asked is remembered.
    """

    tokens: ServiceTokens
    url: str = ""
    changes: list[Json] = field(default_factory=list)
    revocations: list[Json] = field(default_factory=list)
    pause: float = 0.0
    feed_pause: float = 0.0
    cut: Misbehaviour | None = None
    renew: Callable[[Json], bytes] | None = None
    asked_to_renew: list[Json] = field(default_factory=list)
    asked_of: dict[str, list[Mapping[str, str]]] = field(default_factory=lambda: {"changes": [], "revocations": []})
    epoch: str | None = None
    since: int = 0
    purged: int = 0
    _first_change: int = 1
    _first_revocation: int = 1
    _open: set[asyncio.Task[None] | None] = field(default_factory=set)

    def tell(self, kind: str, user_id: int, name: str | None = None) -> None:
        """Let a change of a user be read from the feed: ``created``, ``renamed`` or, without a name, ``deleted``."""
        user = {"id": user_id} if name is None else describe_user(user_id, name)
        self.changes.append({"id": self._next_id("changes"), "kind": kind, "user": user})

    def purge(self) -> None:
        """Forget all changes, and one that nobody has read."""
        self.purged = self._next_id("changes")
        self._first_change = self.purged + 1
        self.changes.clear()

    def revoke(self, session_id: str, until: int | None = None) -> None:
        """Let the end of a session be read from the feed."""
        ended: Json = {"sid": session_id, "until": until or int(time.time()) + 3600}
        self.revocations.append({"id": self._next_id("revocations"), **ended})

    def list_places(self, feed: str) -> list[int]:
        """Return after which entries of a feed pages were asked for."""
        return [int(query["after"]) for query in self.asked_of[feed]]

    def reset(self) -> None:
        """Know nobody, and behave.

        Revocations are numbered on: a service that runs through several tests goes on after the last that it heard of.
        """
        self._first_revocation = self._next_id("revocations")
        for known in (self.changes, self.revocations, self.asked_to_renew):
            known.clear()
        self.cut = self.renew = self.epoch = None
        self.asked_of = {"changes": [], "revocations": []}
        self.since = self.purged = 0
        self._first_change = 1
        self.pause = self.feed_pause = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        self._open.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                request_line, headers = read_head((await reader.readuntil(b"\r\n\r\n")).decode())
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                writer.write(await self._answer(request_line.split(" ")[1], headers, body))
                await writer.drain()
        finally:
            self._open.discard(asyncio.current_task())
            writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def finish(self) -> None:
        """Return when every request has been answered; TimeoutError when one never is."""
        self.cut = break_off
        async with asyncio.timeout(2 * LONGEST_WAIT + 5):
            while self._open:  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(0.01)

    async def _answer(self, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        if target == KEYS_PATH:
            return _show_keys()
        token = headers["authorization"].removeprefix("Bearer ")
        caller = self.tokens.verify(token, callee="auth_service", now=int(time.time()))
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path, caller:
            case "/internal/users/changes", "posts_service":
                return await self._tell_feed("changes", query)
            case "/internal/revocations", "posts_service" | "gateway":
                return await self._tell_feed("revocations", query)
            case "/internal/session", "gateway":
                return await self._renew(json.loads(body))
            case _:
                return answer_with({"error": "There is nothing here"}, "HTTP/1.1 404 Not Found")

    async def _tell_feed(self, name: str, query: Mapping[str, str]) -> bytes:
        """Answer a page; a number beyond the last there is gets that last one."""
        after = int(query["after"])
        self.asked_of[name].append(query)
        await asyncio.sleep(self.feed_pause)
        deadline = time.monotonic() + min(float(query["wait"]), LONGEST_WAIT)
        while not self.cut:
            told: list[Json] = getattr(self, name)
            page = [entry for entry in told if int(str(entry["id"])) > after][:PAGE]
            newest = self._next_id(name) - 1
            if self.epoch and query.get("epoch") not in {None, self.epoch}:
                return answer_with({name: [], "last": 0, "epoch": self.epoch, "since": self.since})
            if page or after > newest or time.monotonic() > deadline:
                end: Json = {"epoch": self.epoch, "since": self.since} if self.epoch else {}
                end |= {"purged": self.purged} if page and self.purged else {}
                return answer_with({name: page, "last": page[-1]["id"] if page else min(after, newest), **end})
            await asyncio.sleep(0.01)
        return self.cut()

    async def _renew(self, asked: Json) -> bytes:
        self.asked_to_renew.append(asked)
        await asyncio.sleep(self.pause)
        assert self.renew is not None
        return self.renew(asked)

    def _next_id(self, name: str) -> int:
        told: list[Json] = getattr(self, name)
        first = self._first_revocation if name == "revocations" else self._first_change
        return int(str(told[-1]["id"])) + 1 if told else first


def describe_user(user_id: int, name: str) -> Json:
    """Return a user as services are told of one."""
    return {"id": user_id, "name": name, "email": f"{name.lower().replace(' ', '.')}@example.com"}


def _show_keys() -> bytes:
    """Return the public key of who signs in this run of the tests."""
    if USUAL.signer.key is None:
        return answer_with({"error": "There are no public keys"}, "HTTP/1.1 404 Not Found")
    return answer_with(json.loads(describe_keys([USUAL.signer])))


def read_head(head: str) -> tuple[str, dict[str, str]]:
    """Return a request line and the headers, their names in lower case."""
    request_line, *lines = head.strip().split("\r\n")
    return request_line, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def answer_with(value: object, status_line: str = OK) -> bytes:
    """Return the bytes of a JSON answer."""
    body = json.dumps(value).encode()
    head = (
        f"{status_line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def break_off() -> bytes:
    """Close the connection without an answer."""
    return b""


@contextlib.asynccontextmanager
async def running_auth_service(secret: str) -> AsyncIterator[FakeAuthService]:
    """Give a fake that listens on a free port and takes service tokens signed with ``secret``."""
    fake = FakeAuthService(tokens_of(secret))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    fake.url = f"http://{host}:{port}"
    async with server:
        yield fake
        await fake.finish()
