"""One exchange between a client and an upstream: caches change nothing, and every end is a clean one."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway, reset, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

TARGETS = (
    *("/public/a", "/public/a?q=1&r=%2F..", "/public/%EC%95%88%20x", "/public/", "/userposts/1?x=1", "/api/user/7"),
    *("/nothing", "/livez", "/internal/users", "/_gatepost/assets/gatepost.css", "/api/auth/session", "/small"),
    *("/%75serposts/1", "/userposts%2f1", "/userposts%0a", "//public/a", "/public/../userposts", "/public/a#b"),
    *("/public/a;b", "/public/a?q#r", "/public/\x80", "http://localhost/public/a", "*", ""),
)
LINES = (
    *("Accept: text/html", "X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X_Real_Ip: 6.6.6.6"),
    *("Authorization: {token}", "Authorization: Bearer {token}", "authorization: BEARER  {token}", "Authorization: x"),
    *(
        "Cookie: {cookie}; a=1",
        "Cookie: a=1",
        "Cookie: {cookie}\r\nSec-Fetch-Site: cross-site",
        "X-Request-ID: mine-1234",
        f"traceparent: 00-{'a1' * 16}-{'b2' * 8}-00\r\ntracestate: a=1",
        "traceparent: 00\r\ntracestate: a=1",
    ),
    *("Connection: keep-alive", "Connection: x-gone\r\nX-Gone: 1", "Connection: cookie", "Keep-Alive: 5"),
    *("Content-Length: 0", "Content-Length: 1", "Transfer-Encoding: chunked", "Expect: 100-continue", "Upgrade: x"),
    *("Sec-Fetch-Mode: cors", "If-None-Match: 1", "A: \t b \t", "A:", "A : b", "Host: localhost", "A: 1\r\n 2"),
)


@pytest.fixture
async def browser(gateway: RunningGateway) -> AsyncIterator["Browser"]:
    """Give a client of the gateway, for whose next request there is a kept-alive connection to the upstream."""
    async with browsing(gateway) as browser:
        yield browser


@contextlib.asynccontextmanager
async def browsing(gateway: RunningGateway) -> AsyncIterator["Browser"]:
    """Give a client after whose first request the gateway has a kept-alive connection to the upstream."""
    browser = Browser(gateway)
    await browser.ask("/public/first")
    try:
        yield browser
    finally:
        browser.go_away()


class Browser:
    """A kept connection to a gateway that tells what was answered, as far as it does not vary by itself."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._token = gateway.sign_token()
        self._cookie = gateway.seal_session(self._token)

    async def ask(self, target: str, lines: str = "") -> list[bytes]:
        """Return status line, sorted header lines and body of the answer to a GET."""
        lines = lines.format(token=self._token, cookie=self._cookie)
        head = f"GET {target} HTTP/1.1\r\nHost: {self._gateway.host}\r\n{lines}\r\n"
        reader, writer = self._streams or await asyncio.open_connection("127.0.0.1", self._gateway.port)
        writer.write(head.encode("latin-1") + _body(lines))
        answer = b"HTTP/1.1 100"
        while answer.startswith(b"HTTP/1.1 100"):
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        status, *fields = answer.strip().lower().split(b"\r\n")
        length = next((int(field[16:]) for field in fields if field.startswith(b"content-length: ")), 0)
        body = await reader.readexactly(length)
        closes = b"connection: close" in fields
        self._streams = None if closes else (reader, writer)
        if closes:
            writer.close()
        kept = [field for field in fields if not field.startswith((b"date:", b"x-request-id:"))]
        port = str(self._gateway.port).encode()
        body = re.sub(rb"<code>[0-9a-f]{32}</code>", b"", body)  # the request id, which an error page tells
        return [part.replace(port, b"PORT") for part in (status, *sorted(kept), body)]

    def go_away(self) -> None:
        """End the connection at once, by a reset: an end without one could be that of our side alone."""
        if self._streams is not None:
            reset(self._streams[1])


def _body(lines: str) -> bytes:
    """Return the body that the header lines announce."""
    if "chunked" in lines:
        return b"0\r\n\r\n"
    return b"x" if "Content-Length: 1" in lines else b""


def _seen(request: Received) -> tuple[str, str, list[tuple[str, str]]]:
    """Return what reached the upstream, without what differs from gateway to gateway."""
    varies = {"host", "traceparent", "x-request-id", "x-forwarded-host", "authorization"}
    headers = [(name.lower(), value) for name, value in request.headers]
    return (
        request.method,
        request.target,
        sorted((name, "" if name in varies else _mask(value)) for name, value in headers),
    )


def _mask(value: str) -> str:
    """Return a header's value without the sealed session in it, which is another at each gateway."""
    return re.sub(r"(session-token=)[^;]+", r"\1", value)


async def test_a_head_that_is_remembered_says_the_same(
    gateway: RunningGateway, rules: Path, auth: RawUpstream, posts: RawUpstream
) -> None:
    """Any request, with any headers, is answered and forwarded the second time as the first time."""
    pairs = [(target, line) for target in TARGETS for line in ("", *LINES)]
    pairs += [("/public/x", f"{one}\r\n{other}") for one, other in itertools.combinations(LINES, 2)]
    async with running_gateway(rules) as other, browsing(gateway) as first, browsing(other) as second:
        for target, line in pairs:
            seen = []
            for browser in (first, first, second):
                before = len(auth.received), len(posts.received)
                answer = await browser.ask(target, f"{line}\r\n" if line else "")
                arrived = [*auth.received[before[0] :], *posts.received[before[1] :]]
                seen.append((answer, [_seen(request) for request in arrived]))
            assert seen[0] == seen[1] == seen[2], (target, line)


async def test_a_long_answer_in_pieces(browser: Browser, posts: RawUpstream) -> None:
    """An answer that comes in pieces arrives whole."""
    body = b"x" * 3_000_000

    async def answer_slowly(received: Received) -> None:
        await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body[:1000])
        await asyncio.sleep(0.05)
        await received.send(body[1000:])

    posts.script = answer_slowly
    assert (await browser.ask("/public/long"))[-1] == body


async def test_an_answer_in_pieces_is_put_together(browser: Browser, posts: RawUpstream) -> None:
    """A short answer that comes in pieces arrives whole, wherever it is cut."""
    for cut in (10, 38, 39, 42):

        async def answer_in_two(received: Received, cut: int = cut) -> None:
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n1234567"
            await received.send(answer[:cut])
            await asyncio.sleep(0.05)
            await received.send(answer[cut:])

        posts.script = answer_in_two
        assert (await browser.ask("/public/x"))[-1] == b"1234567"


async def test_half_an_answer_is_none(browser: Browser, posts: RawUpstream) -> None:
    """An upstream that closes in the middle of its answer gives 502, and is not tried again."""

    async def break_off(received: Received) -> None:
        await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n123")
        received.writer.close()

    posts.script = break_off
    seen_before = len(posts.received)
    assert (await browser.ask("/public/x"))[0] == b"http/1.1 502 bad gateway"
    assert len(posts.received) - seen_before == 1


async def test_a_kept_connection_that_ended_is_replaced_once(browser: Browser, posts: RawUpstream) -> None:
    """A request whose kept-alive connection closes without an answer is retried once; when that closes too, 502."""
    seen_before = len(posts.received)

    async def hang_up(received: Received) -> None:
        received.writer.close()

    posts.script = hang_up
    answer = await browser.ask("/public/again")
    assert answer[0] == b"http/1.1 502 bad gateway"
    assert len(posts.received) - seen_before == 2


async def test_surplus_bytes_are_nobodys_answer(browser: Browser, posts: RawUpstream) -> None:
    """Bytes after a whole answer never become the answer to the next request."""

    async def answer_twice(received: Received) -> None:
        one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
        await received.send(one + one.replace(b"one", b"two"))

    posts.script = answer_twice
    for _ in range(5):
        assert (await browser.ask("/public/x"))[-1] == b"one"


async def test_a_silent_upstream_is_given_up(rules: Path, posts: RawUpstream) -> None:
    """An upstream that does not answer in time gives 504."""
    async with running_gateway(rules, limits=Limits(first_byte=0.2)) as gateway, browsing(gateway) as browser:

        async def keep_silent(received: Received) -> None:
            await received.reader.read()

        posts.script = keep_silent
        assert (await browser.ask("/public/x"))[0] == b"http/1.1 504 gateway timeout"


async def test_a_client_that_goes_away_ends_the_exchange(browser: Browser, posts: RawUpstream) -> None:
    """The upstream's connection closes when the client has gone, and its slot is free again."""
    ended = asyncio.Event()

    async def wait_for_the_end(received: Received) -> None:
        await received.reader.read()
        ended.set()

    posts.script = wait_for_the_end
    asked = asyncio.create_task(browser.ask("/public/x"))
    await eventually(lambda: len(posts.received) == 2)
    browser.go_away()
    await asyncio.wait_for(ended.wait(), 10)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asked


async def test_requests_in_one_stream_are_answered_in_their_order(gateway: RunningGateway, browser: Browser) -> None:
    """What a client pipelines before an answer has come is read after it, and never lost."""
    await browser.ask("/public/another")
    requests = [f"GET /public/{number} HTTP/1.1\r\nHost: {gateway.host}\r\n" for number in range(20)]
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for request in requests[:-1]:
        writer.write(f"{request}\r\n".encode())
        await asyncio.sleep(0.001)
    writer.write(f"{requests[-1]}Connection: close\r\n\r\n".encode())
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answers.count(b"HTTP/1.1 200 OK") == len(requests)
    assert status_of(answers) == 200
