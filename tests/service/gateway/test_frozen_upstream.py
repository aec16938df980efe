"""A frozen upstream (as after ``kill -STOP``): it accepts connections and requests, and answers nothing.

Everybody is answered within the time that the policy grants it, and most of them sooner.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from gateway.policy.file import load_policy
from gateway.settings import DEFAULT_RULES
from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, running_upstream
from tests.support.waiting import eventually

PROMISED = 10.0  # seconds within which every request is answered
PLENTY = Limits(connections=32, waiting=32, wait=0.2)
SUSPICIOUS, PROBES = PLENTY.timeouts, PLENTY.probes


async def stand_still(request: Received) -> None:
    """Read what comes and answer nothing, until the connection ends."""
    await request.reader.read()


@pytest.fixture
async def granted(rules: Path, posts: RawUpstream) -> AsyncIterator[RunningGateway]:
    """Give a gateway whose policy grants posts one second, and other upstreams the usual time."""
    change_rules(rules, f'"{posts.url}"', f'"{posts.url}", answer_within = 1')
    async with running_gateway(rules, limits=PLENTY) as gateway:
        yield gateway


async def get_status(client: httpx2.AsyncClient, path: str = "/public/x", method: str = "GET") -> int:
    """Return the status that a request is answered with."""
    return (await client.request(method, path)).status_code


def test_our_own_services_are_granted_less_than_was_promised() -> None:
    """The shipped policy grants the auth and the posts service less than the time limit for every answer."""
    urls = {"AUTH_SERVICE_URL": "http://auth", "POSTS_SERVICE_URL": "http://posts"}
    granted = {each.name: each.answer_within for each in load_policy(DEFAULT_RULES, urls).upstreams}
    assert set(granted) == {"auth", "posts"}
    assert all(seconds is not None and seconds < PROMISED for seconds in granted.values())


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_answer_comes_within_the_granted_time(
    granted: RunningGateway, posts: RawUpstream, method: str
) -> None:
    """An upstream that answers nothing is given up after the policy's time, reads and writes alike: 504."""
    posts.script = stand_still
    began = time.monotonic()
    async with granted.client() as client:
        assert await get_status(client, method=method) == 504
    assert time.monotonic() - began >= 1
    assert len(posts.received) == 1


async def test_a_fast_request_is_granted_no_more(granted: RunningGateway, posts: RawUpstream) -> None:
    """A request on a kept-alive connection has the same time."""
    async with granted.client() as client:
        assert await get_status(client) == 200
        assert await get_status(client) == 200
        posts.script = stand_still
        assert await get_status(client) == 504


async def test_a_second_try_is_granted_no_more(rules: Path, posts: RawUpstream) -> None:
    """The time, here 2 s, is for both tries together where a kept-alive connection closes late without an answer."""
    change_rules(rules, f'"{posts.url}"', f'"{posts.url}", answer_within = 2')
    answered = asyncio.Event()

    async def end_late(request: Received) -> None:
        if not answered.is_set():
            answered.set()
            await request.answer(b"ok")
            return
        posts.script = stand_still
        await asyncio.sleep(1)
        request.writer.close()

    posts.script = end_late
    async with running_gateway(rules, limits=PLENTY) as gateway, gateway.client() as client:
        assert await get_status(client) == 200
        began = time.monotonic()
        assert await get_status(client) == 504
        assert time.monotonic() - began < 2.8
    assert len(posts.received) == 3


async def test_most_are_refused_soon(granted: RunningGateway, posts: RawUpstream) -> None:
    """After some timeouts in a row only a few requests at a time are sent to it; the rest soon get 503."""
    posts.script = stand_still
    async with granted.client() as client:
        asked = [get_status(client) for _ in range(SUSPICIOUS)]
        assert await asyncio.gather(*asked) == [504] * SUSPICIOUS
        statuses = await asyncio.gather(*(get_status(client) for _ in range(PROBES + 10)))
    assert sorted(statuses) == [503] * 10 + [504] * PROBES
    assert len(posts.received) == SUSPICIOUS + PROBES


async def test_it_is_trusted_again_at_once(granted: RunningGateway, posts: RawUpstream) -> None:
    """The first answer of an upstream that thaws opens all slots again."""
    posts.script = stand_still
    async with granted.client() as client:
        await asyncio.gather(*(get_status(client) for _ in range(SUSPICIOUS)))
        posts.script = answer_ok
        assert await get_status(client) == 200
        assert await asyncio.gather(*(get_status(client) for _ in range(PROBES + 10))) == [200] * (PROBES + 10)


async def test_a_frozen_replica_is_left_alone(rules: Path, posts: RawUpstream) -> None:
    """Of two replicas the one that let a request time out is avoided; the other serves meanwhile."""
    async with running_upstream(stand_still) as frozen:
        both = f'["{frozen.url}", "{posts.url}"]'
        change_rules(rules, f'"{posts.url}"', f"{both}, answer_within = 1")
        async with running_gateway(rules) as gateway, gateway.client() as client:
            statuses = [await get_status(client) for _ in range(8)]
    assert statuses.count(504) == 1
    assert len(frozen.received) == 1


async def test_probes_are_answered(granted: RunningGateway, posts: RawUpstream) -> None:
    """``/livez`` and ``/readyz`` need no upstream and are answered meanwhile."""
    posts.script = stand_still
    async with granted.client() as client:
        waiting = asyncio.gather(*(get_status(client) for _ in range(4)))
        await eventually(lambda: len(posts.received) == 4)
        assert await get_status(client, "/livez") == 200
        assert await get_status(client, "/readyz") == 200
        await waiting


async def test_the_description_is_not_waited_for(
    granted: RunningGateway, posts: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API's description is answered although an upstream's part of it trickles in without an end."""
    monkeypatch.setattr("gateway.pages.reference.PART_WITHIN", 0.5)

    async def trickle(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not request.writer.is_closing():
            await request.send(b" ")
            await asyncio.sleep(0.1)

    posts.script = trickle
    async with granted.client() as client:
        answer = await client.get("/openapi.json")
        assert answer.status_code == 503 or answer.json()["x-missing"] == ["posts"]


async def test_others_have_the_usual_time(rules: Path, posts: RawUpstream) -> None:
    """Where the policy grants no time an upstream has the usual 30 s."""
    assert Limits().first_byte == 30
    async with running_gateway(rules, limits=replace(PLENTY, first_byte=2.0)) as gateway, gateway.client() as client:

        async def answer_late(request: Received) -> None:
            await asyncio.sleep(1.2)
            await request.answer(b"ok")

        posts.script = answer_late
        assert await get_status(client) == 200
