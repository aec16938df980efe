"""A client that reads its answer slowly gets it; only one that reads nothing is given up."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits, Limits
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_client import LIMIT
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

STALL = 1.0  # seconds
SIZE = 16 * 1_048_576  # bytes: more than the buffers of two sockets hold
STEP, PAUSE = 1024, 0.01  # bytes, seconds: far less in STALL seconds than what the buffers hold
SMALL = 4096  # bytes


@pytest.fixture
async def gateway(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway that soon gives up clients that read nothing."""
    limits = ClientLimits(write_stall=STALL, half_closed=STALL)
    async with running_gateway(rules, client_limits=limits, limits=Limits(silence=STALL)) as gateway:
        yield gateway


@pytest.mark.parametrize("is_half_closed", [False, True])
@pytest.mark.parametrize("framing", [f"Content-Length: {SIZE}\r\n", ""])
async def test_a_client_that_reads_a_little_at_a_time(
    gateway: RunningGateway, posts: RawUpstream, framing: str, *, is_half_closed: bool
) -> None:
    """An answer that is read little by little goes on, though hardly any of it leaves the buffers."""

    async def send_all(request: Received) -> None:
        await request.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode() + b"x" * SIZE)
        request.writer.close()

    posts.script = send_all
    loop = asyncio.get_running_loop()
    with contextlib.closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", gateway.port))
        await loop.sock_sendall(client, f"GET /public/x HTTP/1.0\r\nHost: {gateway.host}\r\n\r\n".encode())
        if is_half_closed:
            client.shutdown(socket.SHUT_WR)
        taken, until = 0, loop.time() + 3 * STALL
        while loop.time() < until:
            taken += len(await asyncio.wait_for(loop.sock_recv(client, STEP), LIMIT))
            await asyncio.sleep(PAUSE)
        while piece := await asyncio.wait_for(loop.sock_recv(client, SIZE), LIMIT):
            taken += len(piece)
    assert taken > SIZE


async def test_a_connection_that_is_to_end(rules: Path, posts: RawUpstream) -> None:
    """The time in which something must be read starts anew when the gateway itself closes the connection."""
    stall = 2.0

    async def answer(request: Received) -> None:
        await request.answer(b"x" * 65_000)

    posts.script = answer
    loop = asyncio.get_running_loop()
    limits = ClientLimits(write_stall=stall)
    async with running_gateway(rules, client_limits=limits) as gateway:
        connections = gateway.server.server_state.connections
        with contextlib.closing(socket.socket()) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", gateway.port))
            head = f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n"
            await loop.sock_sendall(client, head.encode() * 400)
            await asyncio.sleep(stall / 2)  # by then as much as there is room for was answered
            for _ in range(20):
                await asyncio.wait_for(loop.sock_recv(client, STEP), LIMIT)
                await asyncio.sleep(PAUSE)
            await asyncio.sleep(stall / 4)
            (connection,) = connections
            connection.shutdown()
            ended_at = loop.time()
            await eventually(lambda: not connections)
            assert loop.time() - ended_at > stall / 2
