"""Clients that leave before they have their answer: what was done for them ends, whatever they had sent, unremarked."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from gateway.wire.limits import ClientLimits
from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_client import RawClient, connected, settle
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.standing_gateway import COLD_AND_WARM, Standing, standing_gateway
from tests.support.waiting import eventually

pytestmark = COLD_AND_WARM

SOON = 5.0  # seconds; an upstream has 30 to begin its answer
LEAVE: dict[str, Callable[[RawClient], None]] = {"by a reset": RawClient.reset, "in order": RawClient.end_sending}


@pytest.fixture(scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    """Give a gateway that soon takes half-closed clients for gone, and its upstream, for all of these tests."""
    limits = ClientLimits(half_closed=0.2)
    async with standing_gateway(tmp_path_factory.mktemp("standing"), limits) as standing:
        yield standing


async def has_ended(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Wait until nothing is left of a request, here and at the upstream."""
    state = gateway.server.server_state
    await eventually(lambda: posts.open_connections == 0 and not state.connections and not state.tasks, SOON)


ANSWERS = {
    "before an answer": b"",
    "within an answer of unknown length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "within an answer that ends with its connection": b"HTTP/1.1 200 OK\r\n\r\nabc",
    "within an answer of known length": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc",
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_fault_of_ours(
    gateway: RunningGateway,
    posts: RawUpstream,
    caplog: pytest.LogCaptureFixture,
    method: str,
    version: str,
    answer: bytes,
    leave: Callable[[RawClient], None],
) -> None:
    """A client that leaves is no error in the log, whichever version it speaks and however its answer ends."""
    has_begun = asyncio.Event()

    async def begin(request: Received) -> None:
        await request.send(answer)
        has_begun.set()
        await request.reader.read()

    posts.script = begin
    caplog.set_level(logging.WARNING)
    with capture_logs() as logs:
        async with connected(gateway) as client:
            client.ask(f"{method} /public/x HTTP/{version}")
            await asyncio.wait_for(has_begun.wait(), SOON)
            await settle()
            leave(client)
            await has_ended(gateway, posts)
    assert [each for each in logs if each["log_level"] in {"error", "critical"}] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
@pytest.mark.parametrize("ahead", [0, 1, 20])
@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x", "GET /public/x HTTP/1.0"])
async def test_a_pipelining_client_that_left(
    gateway: RunningGateway, posts: RawUpstream, line: str, ahead: int, leave: Callable[[RawClient], None]
) -> None:
    """A client that leaves is noticed while its answer is waited for, whatever it had sent ahead; its request ends."""

    async def keep_silent(request: Received) -> None:
        await request.reader.read()
        request.writer.close()

    posts.script = keep_silent
    async with connected(gateway) as client:
        client.send(client.head(line) + client.head("GET /public/ahead") * ahead)
        await eventually(lambda: len(posts.received) == 1)
        await settle()
        leave(client)
        await eventually(lambda: posts.open_connections == 0, SOON)
    assert [request.target for request in posts.received] == ["/public/x"]
