"""A crash of ours costs one answer: 500 or the connection's end, a line in the log, and nothing else."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import jinja2
import pytest
from structlog.testing import capture_logs

from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_client import RawClient, connected
from tests.support.raw_upstream import RawUpstream, Received, answer_ok

OURS = ("gateway.", "shared.")
ONE_PLACE = Limits(connections=1, bodies=1, waiting=1, wait=0.2)


@pytest.fixture
async def gateway(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway that notices at once when a slot at the upstream is lost."""
    async with running_gateway(rules, limits=ONE_PLACE) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[RawClient]:
    """Give a connection to the gateway."""
    async with connected(gateway) as client:
        yield client


async def has_no_document(request: Received) -> None:
    """Answer as a service does that describes no API."""
    await request.answer(b"", status="404 Not Found")


async def test_an_own_page_that_fails(
    client: RawClient, posts: RawUpstream, auth: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An own page that can't be made is 500 in the one error shape, with one line that has the traceback."""
    posts.script = auth.script = has_no_document

    def fail(*_: object) -> str:
        raise RuntimeError("no page today")

    monkeypatch.setattr(jinja2.Template, "render", fail)
    with capture_logs() as logs:
        for method in ("GET", "HEAD", "GET"):
            found = await client.exchange(f"{method} /docs")
            assert (found.status, found.says_close) == (500, False)
            assert found.body == (b'{"error":"Something went wrong on our side"}' if method == "GET" else b"")
            assert len(found.values("date")) == len(found.values("x-request-id")) == 1
    assert [line["log_level"] for line in logs if line["event"] == "request_failed"] == ["error"] * 3
    monkeypatch.undo()
    assert (await client.exchange("GET /docs")).status == 200


class FailingClock:
    """A clock that fails for our own modules, once, at the call whose number it is given."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.left = -1

    def __call__(self) -> float:
        """Return the time, or fail."""
        if sys._getframe(1).f_globals["__name__"].startswith(OURS):  # noqa: SLF001 - who asks is what counts
            self.left -= 1
            if self.left == -1:
                raise RuntimeError("the clock has stopped")
        return self._clock()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FailingClock:
    """Give the clock by which it is judged whether a token is still good, and which can be made to fail."""
    clock = FailingClock(time.time)
    monkeypatch.setattr(time, "time", clock)
    return clock


REQUESTS = {
    "GET": ("GET /public/x", b""),
    "GET, anonymous": ("GET /userposts/1\r\nAccept: text/html", b""),
    "GET, by token": ("GET /userposts/1\r\nAuthorization: Bearer TOKEN", b""),
    "GET, by cookie": ("GET /userposts/1\r\nCookie: COOKIE", b""),
    "POST": ("POST /public/x\r\nContent-Length: 5", b"12345"),
    "POST, long": ("POST /public/x\r\nContent-Length: 200000", b"x" * 200_000),
    "HEAD": ("HEAD /public/x", b""),
    "a refusal": ("GET /nowhere", b""),
    "an own page": ("GET /robots.txt", b""),
}


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize(("lines", "body"), REQUESTS.values(), ids=REQUESTS)
async def test_nothing_hangs(
    gateway: RunningGateway, posts: RawUpstream, clock: FailingClock, lines: str, body: bytes, *, is_warm: bool
) -> None:
    """Wherever on a request's way the clock fails, its client gets an answer or the end, and the next one an answer."""
    line, *fields = (
        lines.replace("TOKEN", gateway.sign_token()).replace("COOKIE", gateway.seal_session()[8:]).split("\r\n")
    )
    calls = 0
    has_failed = True
    while has_failed:
        if is_warm:
            async with connected(gateway) as client:
                assert (await client.exchange("GET /public/x")).status == 200
        else:
            posts.drop_connections()
            await asyncio.sleep(0.02)
        async with connected(gateway) as client:
            clock.left = calls
            client.ask(line, *fields, "Connection: close", body=body)
            rest = await client.read_rest()
            has_failed, clock.left = clock.left < 0, -1
            assert rest == b"" or rest.startswith(b"HTTP/1.1 "), calls
            assert has_failed or rest, calls
        for again in ("GET /public/x", "POST /public/x", "GET /public/x"):
            async with connected(gateway) as client:
                assert (await client.exchange(again)).status == 200, calls
        calls += 1


async def test_an_answer_that_cannot_be_sent(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A client whose answer can't be written gets the end, kept connection or not, and the slot is free again."""
    headers = gateway.server.server_state.default_headers
    for line in ("GET /public/x", "GET /nowhere", "GET /robots.txt", "POST /public/x"):
        async with connected(gateway) as client:
            assert (await client.exchange("GET /public/x")).status == 200
            headers.append((b"no value",))  # type: ignore[arg-type] # which no answer can be made of
            client.ask(line)
            assert await client.read_rest() == b""
            headers.pop()
        async with connected(gateway) as client:
            assert (await client.exchange("GET /public/x")).status == 200
    assert len(posts.received) == 10


async def test_an_error_page_that_fails(
    gateway: RunningGateway, posts: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client whose error can't be rendered gets the end, even where it was an upstream that failed."""

    async def talk_nonsense(request: Received) -> None:
        await request.send(b"nonsense\r\n\r\n")

    def fail(*_: object) -> str:
        raise RuntimeError("no page today")

    posts.script = talk_nonsense
    async with connected(gateway) as client:
        monkeypatch.setattr(jinja2.Template, "render", fail)
        client.ask("GET /public/x", "Accept: text/html")
        assert await client.read_rest() == b""
    monkeypatch.undo()
    posts.script = answer_ok
    async with connected(gateway) as client:
        assert (await client.exchange("GET /public/x")).status == 200
