"""``Expect: 100-continue``: a client that asks before it sends a body is told once to go on, or refused without it.

RFC 9110, 10.1.1.
"""

import asyncio

import pytest

from tests.support.raw_client import LIMIT, RawClient, settle
from tests.support.raw_upstream import RawUpstream, Received, echo
from tests.support.standing_gateway import COLD_AND_WARM

pytestmark = COLD_AND_WARM

EXPECT = "Expect: 100-continue"
FRAMINGS = {
    "a length": ("Content-Length: 5", b"12345"),
    "chunks": ("Transfer-Encoding: chunked", b"5\r\n12345\r\n0\r\n\r\n"),
    "a long length": ("Content-Length: 100000", b"x" * 100_000),
}
REFUSED = {
    "a body beyond the cap": ("POST /small", "Content-Length: 11", 413),
    "no rule": ("POST /nowhere", "Content-Length: 5", 404),
    "no rule, in chunks": ("POST /nowhere", "Transfer-Encoding: chunked", 404),
    "no token": ("POST /userposts/1", "Content-Length: 5", 401),
    "another method": ("POST /api/user/1", "Content-Length: 5", 405),
    "two readings": ("POST //public/x", "Content-Length: 5", 400),
    "two lengths": ("POST /public/x\r\nContent-Length: 5", "Content-Length: 5", 400),
}


@pytest.mark.parametrize("expect", [EXPECT, "expect:100-Continue"])
@pytest.mark.parametrize(("framing", "body"), FRAMINGS.values(), ids=FRAMINGS)
async def test_a_client_that_waits_gets_100(
    client: RawClient, posts: RawUpstream, framing: str, body: bytes, expect: str
) -> None:
    """A client that waits with its body gets one 100, before any of the body has come, and then its answer."""
    posts.script = echo
    for _ in range(2):  # on a kept connection too
        client.ask("POST /public/x", framing, expect)
        assert (await client.read_head()).status == 100
        client.send(body)
        found = await client.read_answer()
        assert (found.status, found.interim, found.body) == (200, (), body if "Length" in framing else b"12345")
    assert [request.values("expect") for request in posts.received] == [[], []]


@pytest.mark.parametrize(("framing", "body"), FRAMINGS.values(), ids=FRAMINGS)
async def test_a_client_that_does_not_wait(client: RawClient, posts: RawUpstream, framing: str, body: bytes) -> None:
    """A client that sends its body along may get one 100, and gets its answer; the next request gets its own."""
    posts.script = echo
    for _ in range(2):
        found = await client.exchange("POST /public/x", framing, EXPECT, body=body)
        assert (found.status, found.body) == (200, body if "Length" in framing else b"12345")
        assert found.interim in {(), (100,)}
    assert (await client.exchange("GET /public/x")).interim == ()


@pytest.mark.parametrize(("line", "framing", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_client_gets_no_100(
    client: RawClient, posts: RawUpstream, line: str, framing: str, status: int
) -> None:
    """A request that is refused by its head gets that answer alone, and the connection closes: its body never comes."""
    first, *lines = line.split("\r\n")
    client.ask(first, *lines, framing, EXPECT)
    found = await client.read_answer()
    assert (found.status, found.interim, found.says_close) == (status, (), True)
    assert await client.read_rest() == b""
    assert posts.received == []


async def test_a_request_without_a_body(client: RawClient, posts: RawUpstream) -> None:
    """A request without a body, which leaves nothing to wait for, gets its answer and at most one 100 before."""
    for line, *lines in (
        ("GET /public/x",),
        ("POST /public/x", "Content-Length: 0"),
        ("GET /livez",),
        ("HEAD /livez",),
    ):
        found = await client.exchange(line, EXPECT, *lines)
        assert found.status == 200
        assert found.interim in {(), (100,)}
    assert len(posts.received) == 2


@pytest.mark.parametrize(("framing", "body"), FRAMINGS.values(), ids=FRAMINGS)
async def test_an_old_client_is_told_nothing(client: RawClient, posts: RawUpstream, framing: str, body: bytes) -> None:
    """A client of HTTP/1.0 knows no interim answers: it gets none, whatever it expects."""
    posts.script = echo
    client.ask("POST /public/x HTTP/1.0", framing, EXPECT)
    await settle()
    client.send(body)
    found = await client.read_answer()
    assert (found.status, found.interim) in {(200, ()), (400, ())}


async def test_the_answer_of_an_upstream_that_wants_no_body(client: RawClient, posts: RawUpstream) -> None:
    """A final answer that comes while a body is still to come is the last, and comes whole."""

    async def refuse(request: Received) -> None:
        await request.answer(b"no", status="403 Forbidden")

    posts.script = refuse
    client.ask("POST /public/x", "Content-Length: 100000", EXPECT)
    assert (await client.read_head()).status == 100
    client.send(b"x")
    found = await client.read_answer()
    assert (found.status, found.body, found.interim, found.says_close) == (403, b"no", (), True)


async def test_it_waits_for_its_turn(client: RawClient, posts: RawUpstream) -> None:
    """Behind a request that is not answered yet, the 100 comes after that answer, and never within it."""
    has_begun, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request: Received) -> None:
        if request.method == "GET":
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst")
            has_begun.set()
            await may_answer.wait()
            await request.send(b"-end")
        else:
            await echo(request)

    posts.script = answer
    client.ask("GET /public/x")
    client.ask("POST /public/x", "Content-Length: 5", EXPECT)
    await asyncio.wait_for(has_begun.wait(), LIMIT)
    await settle()
    may_answer.set()
    first = await client.read_answer()
    assert (first.status, first.interim, first.body) == (200, (), b"first-end")
    assert (await client.read_head()).status == 100
    client.send(b"12345")
    assert (await client.read_answer()).body == b"12345"
