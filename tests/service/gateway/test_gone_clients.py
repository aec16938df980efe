"""Clients that are gone before anybody looks: no error of ours, and no concern of the upstream's."""

import gc
import socket
import struct

from structlog.testing import capture_logs

from gateway.messages.answer_heads import AnswerReader
from gateway.wire.client_connection import ClientConnection
from gateway.wire.exchange import Exchange
from gateway.wire.upstream_connection import UpstreamConnection
from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


def send_and_reset(port: int, data: bytes) -> None:
    """Connect, send, and be gone, all before the event loop that serves gets to look."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(data)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def test_a_client_gone_before_it_is_accepted(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A request whose sender has gone already, and its address with it, is not answered."""
    head = f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nAccept: */*\r\n"
    with capture_logs() as logs:
        for _ in range(20):
            send_and_reset(gateway.port, f"{head}\r\n".encode())
            send_and_reset(gateway.port, f"{head}Connection: close\r\n\r\n".encode())
        async with gateway.client() as client:
            assert (await client.get("/public/x")).status_code == 200
    assert [line["event"] for line in logs if line["log_level"] == "error"] == []
    assert len(posts.received) == 1


async def test_connections_that_ended_are_let_go_at_once(gateway: RunningGateway) -> None:
    """The memory of a connection is free when it ends: a crowd of them leaves nothing for the garbage collector."""
    gc.collect()
    before = count_connections()
    gc.disable()
    try:
        for request in (b"", b"GET /public/x HTTP/1.1\r\nHost: nobody\r\n\r\n", b"nonsense\r\n\r\n"):
            for _ in range(10):
                with socket.create_connection(("127.0.0.1", gateway.port)) as client:
                    client.sendall(request)
        await eventually(lambda: gateway.server.server_state.connections == set() and count_connections() <= before)
    finally:
        gc.enable()


async def test_exchanges_that_failed_are_let_go_at_once(gateway: RunningGateway, posts: RawUpstream) -> None:
    """The memory of a request that its client gave up, or an upstream broke off, is free when it ends."""
    head = f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Length: 100000\r\n\r\na"

    async def break_off(request: Received) -> None:
        request.writer.close()

    gc.collect()
    before = count_connections()
    gc.disable()
    try:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", gateway.port)) as client:
                client.sendall(head.encode())
                await eventually(lambda: posts.open_connections == 1)
            await eventually(lambda: posts.open_connections == 0)
        posts.script = break_off
        assert b"502 Bad Gateway" in await gateway.send_head("GET /public/x HTTP/1.1")
        await eventually(lambda: gateway.server.server_state.connections == set() and count_connections() <= before)
    finally:
        gc.enable()


def count_connections() -> int:
    """Return how many connections on either side, exchanges and readers there are in memory."""
    kinds = (ClientConnection, Exchange, UpstreamConnection, AnswerReader)
    return sum(issubclass(type(each), kinds) for each in gc.get_objects())
