"""How an answer ends, and whether its connection is kept alive: every client reads that the same way.

An HTTP server's writer sees to this silently; here it is stated (RFC 9110, 8.6, 15.2, 15.3.5 and 15.4.5; RFC 9112, 6,
7.1, 9.3 and 9.6).
"""

import asyncio

import pytest

from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_client import RawClient, connected
from tests.support.raw_upstream import RawUpstream, Received, answer_ok
from tests.support.waiting import eventually

# Announced and sent


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x"])
@pytest.mark.parametrize(
    "framing", ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
@pytest.mark.parametrize("is_at_once", [False, True])
async def test_less_than_announced(
    client: RawClient, posts: RawUpstream, line: str, framing: str, *, is_warm: bool, is_at_once: bool
) -> None:
    """An answer that is shorter than announced is 502, or breaks off with the connection: it never looks whole."""
    if is_warm:
        await client.exchange(line)

    async def break_off(request: Received) -> None:
        await request.send(f"HTTP/1.1 200 OK\r\n{framing}".encode())
        if not is_at_once:
            await asyncio.sleep(0.05)
        request.writer.close()

    posts.script = break_off
    before = len(posts.received)
    client.ask(line)
    head = await client.read_head()
    if head.status == 200:
        rest = await client.read_rest()
        assert rest in {b"", b"half", b"4\r\nhalf\r\n"}
        assert head.values("content-length") or head.values("transfer-encoding")
    else:
        assert head.status == 502
    assert len(posts.received) - before == 1


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x", "HEAD /public/x"])
async def test_more_than_announced(client: RawClient, posts: RawUpstream, line: str, *, is_warm: bool) -> None:
    """Of an answer that is longer than announced only the announced part passes; the rest is nobody's answer."""
    if is_warm:
        await client.exchange(line)

    async def say_more(request: Received) -> None:
        await request.answer(request.target.encode())
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")

    posts.script = say_more
    method, target = line.split()
    for number in range(5):
        found = await client.exchange(f"{method} {target}/{number}")
        assert found.body == (b"" if method == "HEAD" else f"{target}/{number}".encode())


async def test_a_length_is_said_once(client: RawClient, posts: RawUpstream) -> None:
    """An answer's length passes as the upstream gave it, however long; the same one twice is a broken answer."""
    for size in (0, 1, 65_535, 65_536, 65_537, 1_000_000):

        async def answer(request: Received, size: int = size) -> None:
            await request.answer(b"x" * size)

        posts.script = answer
        for method in ("GET", "POST", "HEAD"):
            found = await client.exchange(f"{method} /public/x")
            assert found.values("content-length") == [str(size)]
            assert len(found.body) == (0 if method == "HEAD" else size)


# Answers without a body


@pytest.mark.parametrize(
    ("framing", "said"),
    [("Content-Length: 44\r\n\r\n", ["44"]), ("Transfer-Encoding: chunked\r\n\r\n", []), ("\r\n", [])],
)
async def test_head_has_no_body(client: RawClient, posts: RawUpstream, framing: str, said: list[str]) -> None:
    """HEAD has the length that GET would have where the upstream gives it, no body, and keep-alive."""

    async def answer(request: Received) -> None:
        if request.method == "HEAD":
            await request.send(f"HTTP/1.1 200 OK\r\nETag: 1\r\n{framing}".encode())
        else:
            await request.answer(b"ok")

    posts.script = answer
    for _ in range(3):
        found = await client.exchange("HEAD /public/x")
        assert (found.status, found.values("content-length"), found.says_close) == (200, said, False)
        assert found.values("transfer-encoding") == []
        assert (await client.exchange("GET /public/x")).body == b"ok"


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize(
    "said", ["", "Content-Length: 7\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"]
)
async def test_an_answer_that_has_none(
    client: RawClient, posts: RawUpstream, status: str, said: str, method: str, *, is_warm: bool
) -> None:
    """204 and 304 have no length and no coding, whatever the upstream says, and keep the connection alive."""

    async def answer(request: Received) -> None:
        await request.read_body()
        await request.send(f'HTTP/1.1 {status}\r\nETag: "1"\r\n{said}\r\n'.encode())

    if is_warm:
        await client.exchange("GET /public/x")
    posts.script = answer
    found = await client.exchange(f"{method} /public/x")
    assert (found.status, found.values("etag"), found.says_close) == (int(status[:3]), ['"1"'], False)
    assert found.values("content-length") == found.values("transfer-encoding") == []
    posts.script = answer_ok
    assert (await client.exchange("GET /public/x")).body == b"ok"


async def test_own_answers_without_a_body(client: RawClient, gateway: RunningGateway) -> None:
    """Own answers to HEAD have the head of GET's and no body; a redirect has none, and 204 has no length."""
    for target in (
        "/livez",
        "/_gatepost/assets/gatepost.css",
        "/favicon.ico",
        "/nowhere",
        "/api/auth/nothing",
        "/robots.txt",
    ):
        with_body, without = await client.exchange(f"GET {target}"), await client.exchange(f"HEAD {target}")
        assert without.status == with_body.status
        varying = {"date", "x-request-id"}
        assert [name for name, _ in without.headers] == [name for name, _ in with_body.headers]
        assert {
            (name, value) for name, value in set(without.headers) ^ set(with_body.headers) if name not in varying
        } == set()
    redirect = await client.exchange("GET /userposts/1", "Accept: text/html")
    assert (redirect.status, redirect.values("content-length"), redirect.body) == (302, ["0"], b"")
    options = await client.exchange("OPTIONS /api/user/1")
    assert (options.status, options.values("content-length"), options.values("allow")) == (
        204,
        [],
        ["GET, HEAD, OPTIONS"],
    )
    assert (await client.exchange("GET /public/x", f"Authorization: Bearer {gateway.sign_token()}")).status == 200


# Interim answers of an upstream


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x", "HEAD /public/x"])
@pytest.mark.parametrize("pause", [0, 0.02])
async def test_interim_answers_stop_here(
    client: RawClient, posts: RawUpstream, line: str, pause: float, *, is_warm: bool
) -> None:
    """1xx answers of an upstream are neither taken for the final one nor passed on, in one piece with it or before."""
    if is_warm:
        await client.exchange(line)

    async def answer(request: Received) -> None:
        interim = (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n",
        )
        if pause:
            for each in interim:
                await request.send(each)
                await asyncio.sleep(pause)
            await request.answer(b"final")
        else:
            await request.send(
                b"".join(interim)
                + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal"[: 43 if request.method != "HEAD" else 38]
            )

    posts.script = answer
    found = await client.exchange(line)
    assert (found.interim, found.values("link"), found.values("content-length")) == ((), [], ["5"])
    assert found.body == (b"" if "HEAD" in line else b"final")


# How the connection goes on

CLOSING = ("close", "Close", "close, x-other", "x-other , close", "keep-alive, close")
KEEPING = ("keep-alive", "Keep-Alive", "x-other", "x-close", "x-close-hint", "closed", "not-close")


@pytest.mark.parametrize("target", ["/public/x", "/livez", "/nowhere", "/userposts/1"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_client_that_says_close(gateway: RunningGateway, target: str, method: str) -> None:
    """After a request that says ``close`` the answer says it too, once, and is the last; nothing after it is read."""
    for value in CLOSING:
        async with connected(gateway) as client:
            client.ask("GET /public/first")
            assert not (await client.read_answer()).says_close
            client.ask(f"{method} {target}", f"Connection: {value}")
            client.ask("GET /public/never")
            found = await client.read_answer(method)
            assert found.values("connection") == ["close"], value
            assert await client.read_rest() == b"", value


@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x", "GET /livez", "GET /nowhere"])
async def test_a_client_that_goes_on(client: RawClient, line: str) -> None:
    """After any other request of HTTP/1.1 the connection is kept alive, and the answer does not say otherwise."""
    for value in KEEPING:
        found = await client.exchange(line, f"Connection: {value}")
        assert not found.says_close, value


@pytest.mark.parametrize("lines", [(), ("Connection: keep-alive",), ("Connection: close",)])
@pytest.mark.parametrize("target", ["/public/x", "/livez", "/nowhere", "/userposts/1"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_an_old_client(gateway: RunningGateway, target: str, method: str, lines: tuple[str, ...]) -> None:
    """A client of HTTP/1.0 gets one answer, which says close, without chunks; also if it asks for more than that."""
    async with connected(gateway) as client:
        found = await client.exchange(f"{method} {target} HTTP/1.0", *lines)
        assert found.values("connection") == ["close"]
        assert found.values("transfer-encoding") == []
        assert await client.read_rest() == b""


UNKNOWN = {
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n6;x=y\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n",
    "until the end": b"\r\nfirstsecond",
}


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("framing", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_answer_of_unknown_length(
    gateway: RunningGateway, posts: RawUpstream, framing: bytes, *, is_warm: bool
) -> None:
    """It goes to HTTP/1.1 in chunks, without extensions and trailers, and keep-alive; to 1.0 until the close."""
    async with connected(gateway) as client:
        if is_warm:
            await client.exchange("GET /public/x")

        async def answer(request: Received) -> None:
            await request.send(b"HTTP/1.1 200 OK\r\n" + framing)
            if b"chunked" not in framing:
                request.writer.close()

        posts.script = answer
        for line in ("GET /public/x", "POST /public/x"):
            found = await client.exchange(line)
            assert (found.body, found.values("transfer-encoding")) == (b"firstsecond", ["chunked"])
        found = await client.exchange("GET /public/x HTTP/1.0")
        assert (found.body, found.values("connection")) == (b"firstsecond", ["close"])
        assert found.values("transfer-encoding") == found.values("content-length") == []


async def test_an_empty_piece_ends_no_answer(client: RawClient, posts: RawUpstream) -> None:
    """An answer of unknown length that has no body is one empty body, and the next answer is the next."""
    for framing in (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"Connection: close\r\n\r\n"):

        async def answer(request: Received, framing: bytes = framing) -> None:
            await request.send(b"HTTP/1.1 200 OK\r\n" + framing)
            if b"close" in framing:
                request.writer.close()

        posts.script = answer
        for line in ("GET /public/x", "POST /public/x"):
            found = await client.exchange(line)
            assert (found.status, found.body, found.says_close) == (200, b"", False)


async def test_what_concerns_the_upstreams_connection_stops_here(client: RawClient, posts: RawUpstream) -> None:
    """An upstream's own ``Connection`` and hop-by-hop headers don't concern the client."""

    async def answer(request: Received) -> None:
        await request.answer(
            b"ok", headers="Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: h2c\r\n"
        )
        request.writer.close()

    posts.script = answer
    for line in ("GET /public/x", "POST /public/x", "GET /public/x"):
        found = await client.exchange(line)
        assert not found.says_close
        assert not {name for name, _ in found.headers} & {"x-hop", "keep-alive", "upgrade"}
    await eventually(lambda: posts.open_connections == 0)


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize(
    "named", ["content-length", "Content-Length, X-Hop", "transfer-encoding", "date", "x-request-id"]
)
async def test_an_upstream_that_takes_framing_away(
    client: RawClient, posts: RawUpstream, named: str, method: str, *, is_warm: bool
) -> None:
    """Whatever an upstream's ``Connection`` names, its answer keeps a length of ours, and keep-alive."""
    if is_warm:
        await client.exchange(f"{method} /public/x")

    async def answer(request: Received) -> None:
        await request.answer(b"" if request.method == "HEAD" else b"ok", headers=f"Connection: {named}\r\n")

    posts.script = answer
    for _ in range(2):
        found = await client.exchange(f"{method} /public/x")
        assert (found.status, found.says_close) == (200, False)
        assert found.body == (b"" if method == "HEAD" else b"ok")
        assert len(found.values("date")) == len(found.values("x-request-id")) == 1
