"""A service whose log nobody reads: it goes on serving, counts lost lines, reports them later, and loses nothing else.

The gateway represents all three services, which are run by the same code.
"""

import asyncio
import json
import signal
import sys

import httpx2
import pytest

from shared.observing.log_writer import CAPACITY
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")

PATIENCE = 10.0  # seconds for one answer, as promised to every request
LOST = "gatepost_log_lines_dropped_total"


async def ask(gateway: GatewayProcess, requests: int) -> None:
    """Send that many requests that are logged, and require an answer to each."""
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=PATIENCE) as client:
        for _ in range(requests):
            assert (await client.get("/nowhere")).status_code == 404


def events(lines: list[str]) -> list[str]:
    """Return the event of each JSON line."""
    return [json.loads(line)["event"] for line in lines]


async def test_a_blocked_pipe_blocks_nothing() -> None:
    """While nobody reads the log, requests and ``/livez`` are answered and the lost lines are counted.

    Once it is read again the loss is reported once, with the number of lines, at the place where they are missing.
    """
    async with gateway_process() as gateway:
        async with httpx2.AsyncClient(base_url=gateway.url, timeout=PATIENCE) as client:
            sent = 0

            async def loses_lines() -> bool:
                nonlocal sent
                await ask(gateway, 500)
                sent += 500
                return await gateway.read_metric(LOST) > 0

            await wait_until(loses_lines, lambda holds: holds, seconds=60)
            assert (await client.get("/livez")).status_code == 200
        lost = await gateway.read_metric(LOST)
        reading = asyncio.create_task(gateway.read_log())
        await asyncio.sleep(0.5)
        await ask(gateway, 3)
        await gateway.stop()
        lines = await reading
    said = [json.loads(line) for line in lines if "log_lines_lost" in line]
    assert [line["lines"] for line in said] == [lost]
    # The gateway finds no auth service, and says so once after a while: its line may be one of the lost.
    named = events(lines)
    others = named.count("request_finished") + lost - (sent + 3)
    assert others == 0 or (others == 1 and "feed_cut" not in named)
    assert sum(len(line) for line in lines) > CAPACITY / 2  # as much as there was room for was kept


async def test_sigterm_loses_nothing() -> None:
    """A service that is told to stop writes every line that it has, including the last ones."""
    async with gateway_process({"LOG_LEVEL": "DEBUG"}) as gateway:
        reading = asyncio.create_task(gateway.read_log())
        await ask(gateway, 50)
        assert await gateway.stop() == -signal.SIGTERM
        lines = events(await reading)
    assert lines.count("request_finished") == 50
    assert lines[-1].startswith("Finished server process")


async def test_a_blocked_pipe_does_not_hold_up_the_end() -> None:
    """A service that is told to stop ends even if nobody reads its last lines."""
    async with gateway_process() as gateway:
        await ask(gateway, 100)
        assert await gateway.stop() == -signal.SIGTERM


async def test_a_closed_pipe_is_survived() -> None:
    """A service whose log has lost its reader goes on serving, counts its lines as lost, and ends when told to."""
    async with gateway_process() as gateway:
        gateway.pipe.close()
        await ask(gateway, 10)

        async def loses_lines() -> bool:
            return await gateway.read_metric(LOST) >= 10

        await wait_until(loses_lines, lambda holds: holds, seconds=60)
        assert await gateway.stop() == -signal.SIGTERM
