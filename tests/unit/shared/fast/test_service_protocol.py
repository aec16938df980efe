"""The services' protocol sends, byte for byte, what uvicorn would send, but in fewer writes and with fewer timers.

What it and its plain counterpart have in common is tested with both.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from shared.fast.service_protocol import ServiceProtocol
from shared.process import server
from shared.process.half_close import PlainServiceProtocol
from tests.support.waiting import wait_until

GET = b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n"
PLAIN = [(b"content-type", b"text/plain"), (b"content-length", b"3")]


@dataclass
class Wire(asyncio.Transport):
    """The server's end of a connection: what was written to it, piece by piece, and whether it was closed."""

    written: list[bytes] = field(default_factory=list)
    is_ended: bool = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a piece."""
        self.written.append(bytes(data))

    def close(self) -> None:
        """Note the close."""
        self.is_ended = True

    async def find_end(self) -> bool:
        """Tell whether the connection was closed."""
        return self.is_ended

    def is_closing(self) -> bool:
        """Tell whether the connection was closed."""
        return self.is_ended

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Reveal nothing about the two ends."""
        del name
        return default

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


def answering(*messages: Message, fails: bool = False) -> ASGIApp:
    """Return an application that reads the request, sends these messages, and may then fail."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["headers"] and (b"expect", b"100-continue") in scope["headers"]:
            await receive()
        for message in messages:
            await send(dict(message))
        if fails:
            raise ValueError

    return app


def start(headers: Sequence[tuple[bytes, bytes]] = PLAIN, status: int = 200) -> Message:
    """Return the message that starts an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes = b"abc", *, more: bool = False) -> Message:
    """Return a piece of an answer's body."""
    return {"type": "http.response.body", "body": content, "more_body": more}


def connect(protocol: type[HttpToolsProtocol], app: ASGIApp, wire: Wire) -> HttpToolsProtocol:
    """Return a new connection to a server of an application."""
    config = server.build_config(app, "127.0.0.1", 1, protocol)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    connection = protocol(config, state, {}, asyncio.get_running_loop())
    connection.connection_made(wire)
    return connection


async def exchange(protocol: type[HttpToolsProtocol], app: ASGIApp, request: bytes, *, is_paused: bool = False) -> Wire:
    """Return what a client gets for a request from an application; it pauses reading for a while if ``is_paused``."""
    wire = Wire()
    connection = connect(protocol, app, wire)
    if is_paused:
        connection.pause_writing()
    connection.data_received(request)
    for _ in range(5):
        await asyncio.sleep(0)
    if is_paused:
        assert not wire.written
        connection.resume_writing()
    await asyncio.gather(*connection.tasks)
    connection.connection_lost(None)
    return wire


ANSWERS: dict[str, ASGIApp] = {
    "plain": answering(start(), body()),
    "empty": answering(start([(b"content-length", b"0")]), body(b"")),
    "not found": answering(start(status=404), body()),
    "no body allowed": answering(start([], 204), body(b"")),
    "no length": answering(start([]), body()),
    "in pieces": answering(start(), body(b"a", more=True), body(b"bc")),
    "in chunks": answering(start([]), body(b"a", more=True), body(b"bc", more=True), body(b"")),
    "ends the connection": answering(start([*PLAIN, (b"connection", b"close")]), body()),
    "says that it comes in chunks": answering(start([(b"transfer-encoding", b"chunked")]), body()),
    "two headers of a name": answering(start([*PLAIN, (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")]), body()),
    "too long": answering(start(), body(b"abcd")),
    "too short": answering(start(), body(b"ab")),
    "line in a header": answering(start([*PLAIN, (b"x-a", b"b\r\nx-c: d")]), body()),
    "line in a header of one's own": answering(start([*PLAIN, (b"link", b"b\r\nx-c: d")]), body()),
    "space in a name": answering(start([*PLAIN, (b"x a", b"b")]), body()),
    "nothing": answering(),
    "only a head": answering(start()),
    "a head, then a fault": answering(start(), fails=True),
    "a fault": answering(fails=True),
    "a fault after all": answering(start(), body(), fails=True),
    "two heads": answering(start(), start(), body()),
    "a body first": answering(body()),
    "two bodies": answering(start(), body(), body()),
}
REQUESTS = {
    "GET": GET,
    "HEAD": GET.replace(b"GET", b"HEAD"),
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the last one": GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    "with a body": b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nxy",
}
HALVES = {"only a head", "a head, then a fault"}
BOTH = pytest.mark.parametrize("protocol", [ServiceProtocol, PlainServiceProtocol])


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_like_uvicorn(name: str, request_: bytes) -> None:
    """For any answer to any kind of request, the client gets what uvicorn sends, but never a head by itself."""
    ours = await exchange(ServiceProtocol, ANSWERS[name], request_)
    uvicorns = await exchange(HttpToolsProtocol, ANSWERS[name], request_)

    sent = b"".join(uvicorns.written)
    if name in HALVES:
        sent = sent[: sent.index(b"HTTP/1.1 200")]
    assert b"".join(ours.written) == sent
    assert ours.is_ended == uvicorns.is_ended


async def test_one_write() -> None:
    """An answer whose body is available is sent in one write."""
    wire = await exchange(ServiceProtocol, ANSWERS["plain"], GET)

    assert wire.written == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nabc"
    ]


@BOTH
async def test_slow_reader(protocol: type[HttpToolsProtocol]) -> None:
    """Nothing is written to a client that is not reading until it reads again."""
    wire = await exchange(protocol, ANSWERS["plain"], GET, is_paused=True)

    assert b"".join(wire.written).endswith(b"\r\n\r\nabc")


@BOTH
async def test_two_requests_at_once(protocol: type[HttpToolsProtocol]) -> None:
    """Pipelined requests are answered in order."""
    wire = await exchange(protocol, ANSWERS["plain"], GET * 2)

    assert b"".join(wire.written).count(b"HTTP/1.1 200 OK") == 2


@BOTH
async def test_idle_connection(monkeypatch: pytest.MonkeyPatch, protocol: type[HttpToolsProtocol]) -> None:
    """A connection is closed after the keep-alive timeout; while a request is handled it is not idle."""
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.5)

    async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.0 if scope["path"] == "/" else 1.0)
        await ANSWERS["plain"](scope, receive, send)

    wire = Wire()
    connection = connect(protocol, answer_late, wire)
    for path in (b"/", b"/late"):
        connection.data_received(GET.replace(b"/a?b=c", path))
        await asyncio.gather(*connection.tasks)
    assert b"".join(wire.written).count(b"HTTP/1.1 200 OK") == 2

    await wait_until(wire.find_end, bool)
    connection.connection_lost(None)


@BOTH
@pytest.mark.parametrize("requests", [1, 3])
async def test_who_ends_their_own_side_gets_their_answers(protocol: type[HttpToolsProtocol], requests: int) -> None:
    """After a half-close following whole requests, the connection ends with the last answer."""
    wire = Wire()
    connection = connect(protocol, answering(start(), body()), wire)
    connection.data_received(GET * requests)
    assert connection.eof_received()  # type: ignore[func-returns-value]
    await wait_until(wire.find_end, bool)
    assert b"".join(wire.written).count(b"HTTP/1.1 200 OK") == requests
    connection.connection_lost(None)


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx"])
@BOTH
async def test_who_ends_in_the_middle_gets_nothing(protocol: type[HttpToolsProtocol], data: bytes) -> None:
    """Half a request is not answered: the connection ends with the client's half-close."""
    wire = Wire()
    connection = connect(protocol, answering(start(), body()), wire)
    connection.data_received(data)
    assert not connection.eof_received()  # type: ignore[func-returns-value]
    connection.connection_lost(None)
    await asyncio.gather(*connection.tasks)
    assert wire.written == []
