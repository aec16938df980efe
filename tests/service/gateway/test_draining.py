"""The shutdown of a gateway, and of a replica behind it, as their clients see it."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, running_upstream


@pytest.fixture
async def draining(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway with a kept-alive connection to its upstream, once it was told to end."""
    async with running_gateway(rules) as gateway:
        async with gateway.client() as client:
            await client.get("/public/x")  # from here on there is a kept connection to the upstream
        gateway.server.handle_exit(signal.SIGTERM, None)
        yield gateway


async def ask(gateway: RunningGateway) -> bytes:
    """Send a plain request with keep-alive; return what comes before the connection closes."""
    request = f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n"
    return await gateway.send_raw(request.encode())


async def test_an_answer_says_that_the_connection_ends(draining: RunningGateway) -> None:
    """While the server drains, an answer says ``Connection: close`` once, and the connection closes."""
    answer = await ask(draining)
    assert status_of(answer) == 200
    assert answer.lower().count(b"connection: close") == 1


async def test_a_replica_that_ends_is_left_alone(rules: Path, posts: RawUpstream) -> None:
    """A replica that says ``Connection: close`` gets no new requests while there is another."""

    async def answer_and_end(request: Received) -> None:
        await request.answer(b"last", headers="Connection: close\r\n")
        request.writer.close()

    async with running_upstream(answer_ok) as other:
        change_rules(rules, f'"{posts.url}"', f'["{posts.url}", "{other.url}"]')
        posts.script = answer_and_end
        async with running_gateway(rules) as gateway, gateway.client() as client:
            answers = [await client.get("/public/x") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert (len(posts.received), len(other.received)) == (1, 9)


async def test_a_lone_replica_that_ends_is_asked_all_the_same(rules: Path, posts: RawUpstream) -> None:
    """An upstream that closes every connection is used as ever where it is the only one."""

    async def answer_and_end(request: Received) -> None:
        await request.answer(b"last", headers="Connection: close\r\n")
        request.writer.close()

    posts.script = answer_and_end
    async with running_gateway(rules) as gateway, gateway.client() as client:
        answers = [await client.get("/public/x") for _ in range(3)]
    assert [answer.text for answer in answers] == ["last"] * 3
