"""An upstream on a Unix socket is like any other: keep-alive, bodies, failures, replicas, WebSockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, unix_serve

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, echo, running_upstream

LONG = b"0123456789" * 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of the socket."""
    return tmp_path / "posts.sock"


@pytest.fixture
async def gateway(rules: Path, posts: RawUpstream, path: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway whose upstream is to listen at the socket."""
    change_rules(rules, posts.url, f"unix:{path}")
    async with running_gateway(rules) as running:
        yield running


async def test_requests_are_served(gateway: RunningGateway, path: Path) -> None:
    """Requests go over one kept-alive connection, and carry the client's own Host."""
    async with running_upstream(answer_ok, path=path) as upstream, gateway.client() as client:
        answers = [await client.get("/public/a") for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"ok")] * 3
    assert upstream.connections == 1
    assert upstream.received[-1].values("host") == [gateway.host]


async def test_long_bodies_pass(gateway: RunningGateway, path: Path) -> None:
    """A megabyte passes both ways, whole."""
    async with running_upstream(echo, path=path), gateway.client() as client:
        assert (await client.post("/public/a", content=LONG)).content == LONG


async def test_nobody_listens(gateway: RunningGateway, path: Path) -> None:
    """While nobody listens, or a killed upstream's socket lies there: 503; 200 as soon as somebody listens."""
    async with gateway.client() as client:
        statuses = [(await client.get("/public/a")).status_code]
        async with running_upstream(answer_ok, path=path):
            statuses.append((await client.get("/public/a")).status_code)
        async with await asyncio.start_unix_server(lambda *_: None, path) as left:
            left.close()
            statuses.append((await client.get("/public/a")).status_code)
    assert statuses == [503, 200, 503]


async def test_a_dropped_connection_is_made_anew(gateway: RunningGateway, path: Path) -> None:
    """A kept-alive connection that the upstream has closed meanwhile costs no request."""
    async with running_upstream(answer_ok, path=path) as upstream, gateway.client() as client:
        assert (await client.get("/public/a")).status_code == 200
        upstream.drop_connections()
        assert (await client.get("/public/a")).status_code == 200
    assert upstream.connections == 2


async def test_a_replica_is_where_it_is(rules: Path, posts: RawUpstream, path: Path) -> None:
    """Replicas may listen on sockets and ports; one that is gone is skipped."""
    change_rules(rules, f'"{posts.url}"', f'["unix:{path}", "{posts.url}"]')
    async with running_gateway(rules) as gateway, gateway.client() as client:
        async with running_upstream(answer_ok, path=path) as upstream:
            assert [(await client.get("/public/a")).status_code for _ in range(4)] == [200] * 4
            assert len(upstream.received) == len(posts.received) == 2
        assert [(await client.get("/public/a")).status_code for _ in range(2)] == [200] * 2


async def test_half_an_answer(gateway: RunningGateway, path: Path) -> None:
    """An upstream that ends in the middle of its head: 502."""

    async def stop_short(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        request.writer.close()

    async with running_upstream(stop_short, path=path), gateway.client() as client:
        assert (await client.get("/public/a")).status_code == 502


async def test_a_websocket_opens(rules: Path, posts: RawUpstream, path: Path) -> None:
    """A WebSocket passes both ways."""
    change_rules(rules, posts.url, f"unix:{path}")
    change_rules(rules, "max_body = 1073741824", "websocket = true")

    async def repeat(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with (
        unix_serve(repeat, str(path)),
        running_gateway(rules) as gateway,
        connect(f"ws://127.0.0.1:{gateway.port}/public/a", origin=websockets.Origin(gateway.url)) as client,
    ):
        await client.send("hello")
        assert await client.recv() == "hello"
