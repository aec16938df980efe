"""An answer's head means the same on a fresh connection to the upstream and on a kept one, however it comes."""

import asyncio
import sys
from types import FrameType

import pytest

from tests.support.raw_client import RawClient, settle
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.standing_gateway import COLD_AND_WARM

pytestmark = COLD_AND_WARM

KIBIBYTE = 1024


BOUNDS = {
    "30 KiB": (30, KIBIBYTE, 200),
    "33 KiB": (33, KIBIBYTE, 502),
    "60 KiB": (60, KIBIBYTE, 502),
    "one field of 40 KiB": (1, 40 * KIBIBYTE, 502),
    "99 fields": (99, 10, 200),
    "101 fields": (101, 10, 502),
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(("count", "size", "status"), BOUNDS.values(), ids=BOUNDS)
async def test_one_bound(
    client: RawClient, posts: RawUpstream, count: int, size: int, status: int, method: str
) -> None:
    """An answer's head has at most 100 fields and 32 KiB; a larger one is a broken answer, 502."""

    async def answer(request: Received) -> None:
        await request.answer(b"" if request.method == "HEAD" else b"ok", headers=f"X: {'y' * (size - 5)}\r\n" * count)

    posts.script = answer
    found = await client.exchange(f"{method} /public/x")
    assert (found.status, len(found.values("x"))) == (status, count if status == 200 else 0)


CONNECTIONS = {
    "x-close-hint": True,
    "not-close": True,
    "closed, x-other": True,
    "keep-alive": True,
    "close": False,
    "Close": False,
    "x-other, CLOSE": False,
    "keep-alive ,close": False,
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(("value", "is_kept"), CONNECTIONS.items())
async def test_the_word_close(client: RawClient, posts: RawUpstream, value: str, method: str, *, is_kept: bool) -> None:
    """The connection to an upstream ends with the option ``close``, and with no other that holds these letters."""

    async def answer(request: Received) -> None:
        await request.answer(b"" if request.method == "HEAD" else b"ok", headers=f"Connection: {value}\r\n")

    posts.script = answer
    for _ in range(3):
        assert (await client.exchange(f"{method} /public/x")).status == 200
    is_kept = is_kept and method != "HEAD"  # after which what is wrongly sent as a body can't be told from an answer
    assert len(set(map(id, [request.writer for request in posts.received]))) == (1 if is_kept else 3)


class Work:
    """Counts the calls that the gateway's modules make."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note one call, as ``sys.setprofile`` reports it."""
        if event in {"call", "c_call"} and frame.f_globals.get("__name__", "").startswith("gateway."):
            self.calls += 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("fields", [1, 90])
async def test_an_answer_that_trickles_in(client: RawClient, posts: RawUpstream, fields: int, method: str) -> None:
    """What each piece of an answer costs does not depend on what came before it: no head is read again."""
    pieces = 400
    work = Work()

    async def trickle(request: Received) -> None:
        lines = "".join(f"X-{number}: {'y' * 100}\r\n" for number in range(fields))
        await request.send(f"HTTP/1.1 200 OK\r\nContent-Length: {pieces}\r\n{lines}\r\n".encode())
        await settle()
        before = work.calls
        for _ in range(pieces):
            await request.send(b"x")
            await asyncio.sleep(0)
            await settle()
        work.calls -= before

    posts.script = trickle
    sys.setprofile(work)
    try:
        found = await client.exchange(f"{method} /public/x")
    finally:
        sys.setprofile(None)
    assert len(found.body) == pieces
    assert work.calls < pieces * 40
