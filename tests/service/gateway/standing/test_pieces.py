"""However a client's bytes are cut into pieces, and however many requests stand in one: the same requests, in order."""

import asyncio
from collections.abc import Iterable

import pytest

from tests.support.raw_client import RawClient, settle
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.standing_gateway import COLD_AND_WARM

pytestmark = COLD_AND_WARM


@pytest.fixture
def posts(posts: RawUpstream) -> RawUpstream:
    """Give an upstream that tells what it was asked."""
    posts.script = tell
    return posts


async def tell(request: Received) -> None:
    """Answer with the request's method, target, one header and body."""
    said, body = ",".join(request.values("x-said")), await request.read_body()
    await request.answer(f"{request.method} {request.target} {said} ".encode() + body)


WHOLE = {
    "GET": ("GET /public/x?q=1", ("X-Said: a",), b"", b"GET /public/x?q=1 a "),
    "POST with a length": (
        "POST /public/x",
        ("X-Said: b", "Content-Length: 6"),
        b"1\r\n\r\n2",
        b"POST /public/x b 1\r\n\r\n2",
    ),
    "POST in chunks": (
        "POST /public/x",
        ("Transfer-Encoding: chunked", "X-Said: c"),
        b"3\r\none\r\nA;x=y\r\n0123456789\r\n0\r\nX-Late: 1\r\n\r\n",
        b"POST /public/x c one0123456789",
    ),
    "an own page": ("GET /livez", ("Accept: */*",), b"", b'{"status":"alive"}'),
    "a refusal": ("GET /nowhere", ("X-Said: d",), b"", b'{"error":"There is nothing here"}'),
}


@pytest.mark.parametrize(("line", "lines", "body", "expected"), WHOLE.values(), ids=WHOLE)
async def test_cut_anywhere(client: RawClient, line: str, lines: tuple[str, ...], body: bytes, expected: bytes) -> None:
    """A request that comes in two pieces, cut at any of its bytes, is the request that it is in one."""
    request = client.head(line, *lines) + body
    for cut in range(1, len(request)):
        client.send(request[:cut])
        await settle()
        client.send(request[cut:])
        found = await client.read_answer()
        assert (found.body, found.says_close) == (expected, False), cut


@pytest.mark.parametrize(("line", "lines", "body", "expected"), WHOLE.values(), ids=WHOLE)
async def test_byte_by_byte(client: RawClient, line: str, lines: tuple[str, ...], body: bytes, expected: bytes) -> None:
    """So is one of which each byte comes alone."""
    for byte in client.head(line, *lines) + body:
        client.send(bytes((byte,)))
        await settle()
    assert (await client.read_answer()).body == expected
    assert (await client.exchange("GET /public/x")).body == b"GET /public/x  "


@pytest.mark.parametrize("ends", [b"\r\n", b"\r\n\r\n", b"\n", b"\r\n" * 20])
async def test_line_ends_ahead_of_a_request(client: RawClient, ends: bytes) -> None:
    """Empty lines before any request, in one piece with it or alone, are skipped (RFC 9112, 2.2)."""
    for is_apart in (False, True, False):
        client.send(ends)
        if is_apart:
            await settle()
        assert (await client.exchange("GET /public/x")).body == b"GET /public/x  "
    client.ask("POST /public/x", "Content-Length: 2", body=b"ab" + ends)
    assert (await client.read_answer()).body == b"POST /public/x  ab"
    assert (await client.exchange("GET /public/x")).body == b"GET /public/x  "


async def test_all_in_one_piece(client: RawClient) -> None:
    """Requests of all kinds in one piece are answered one after the other, each with its own answer."""
    await check_pipeline(client, [*WHOLE.values(), *reversed(WHOLE.values()), *WHOLE.values()], (1_000_000,))


@pytest.mark.parametrize("first", WHOLE)
@pytest.mark.parametrize("second", WHOLE)
async def test_two_in_pieces_of_any_size(client: RawClient, first: str, second: str) -> None:
    """So are two that come in pieces which end anywhere, one of which may hold the end of the first and more."""
    await check_pipeline(client, [WHOLE[first], WHOLE[second]], (7, 31, 64, 100, 150))


@pytest.mark.parametrize("second", WHOLE)
@pytest.mark.parametrize("first", WHOLE)
async def test_two_and_then_the_end(client: RawClient, first: str, second: str) -> None:
    """So are two behind which the client half-closes, and then the gateway closes its side."""
    requests = [WHOLE[first], WHOLE[second]]
    client.send(b"".join(client.head(line, *lines) + body for line, lines, body, _ in requests))
    client.end_sending()
    for *_, expected in requests:
        assert (await client.read_answer()).body == expected
    assert await client.read_rest() == b""


async def check_pipeline(
    client: RawClient, requests: Iterable[tuple[str, tuple[str, ...], bytes, bytes]], sizes: Iterable[int]
) -> None:
    """Pipeline requests, in pieces of each size, and see that all are answered in order."""
    requests = list(requests)
    data = b"".join(client.head(line, *lines) + body for line, lines, body, _ in requests)
    for size in sizes:
        for start in range(0, len(data), size):
            client.send(data[start : start + size])
            await settle()
        for *_, expected in requests:
            assert (await client.read_answer()).body == expected


async def test_answers_keep_their_order(client: RawClient, posts: RawUpstream) -> None:
    """However long the first of several takes, its answer comes first, and the next is not forwarded before."""
    running = most = 0

    async def answer(request: Received) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        body = await request.read_body()
        await asyncio.sleep(0.02 if request.target.endswith("0") else 0)
        running -= 1
        await request.answer(request.target.encode() + body)

    posts.script = answer
    for number in range(10):
        client.ask(f"GET /public/a{number}")
        client.ask(f"POST /public/b{number}", "Content-Length: 2", body=b"ab")
    for number in range(10):
        assert (await client.read_answer()).body == b"/public/a%d" % number
        assert (await client.read_answer()).body == b"/public/b%dab" % number
    assert most == 1


@pytest.mark.parametrize("first", ["GET /public/x", "POST /public/x", "HEAD /public/x", "GET /livez", "GET /nowhere"])
async def test_nonsense_behind_a_request(client: RawClient, posts: RawUpstream, first: str) -> None:
    """Bytes that are no request end the connection after the answer that is due, which is whole."""
    client.send(client.head(first) + b"\0nonsense\r\n\r\n" + client.head("GET /public/never"))
    found = await client.read_answer(first.partition(" ")[0])
    assert found.status in {200, 404}
    rest = await client.read_rest()
    assert rest == b"" or (rest.startswith(b"HTTP/1.1 400 ") and rest.count(b"HTTP/1.1 ") == 1)
    assert "/public/never" not in [request.target for request in posts.received]


@pytest.mark.parametrize("is_second", [False, True])
@pytest.mark.parametrize("piece", [5000, 1_000_000])
@pytest.mark.parametrize("size", [16_384, 20_000, 60_000, 200_000])
async def test_a_head_that_is_too_long(
    client: RawClient, posts: RawUpstream, size: int, piece: int, *, is_second: bool
) -> None:
    """A head beyond the bounds is 431, in one piece or many, the first or another, and no upstream hears of it."""
    if is_second:
        assert (await client.exchange("GET /public/x")).status == 200
    before = len(posts.received)
    data = client.head("GET /public/x", "X: " + "y" * size)
    for start in range(0, len(data), piece):
        client.send(data[start : start + piece])
        await settle()
    assert (await client.read_answer()).status == 431
    assert len(posts.received) == before


async def test_a_long_head_within_the_bounds(client: RawClient, posts: RawUpstream) -> None:
    """One within the bounds passes, in one piece or many, however long its lines are."""
    value = "y" * 15_000
    for piece in (100, 5000, 1_000_000):
        data = client.head("GET /public/x", f"X-Said: {value}")
        for start in range(0, len(data), piece):
            client.send(data[start : start + piece])
            await settle()
        assert (await client.read_answer()).body == f"GET /public/x {value} ".encode()
    assert len(posts.received) == 3
