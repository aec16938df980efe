"""New connections to an upstream whose name leads to several machines."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.policy.upstreams import Replica
from gateway.wire.connector import Connector
from gateway.wire.limits import Limits


@contextlib.contextmanager
def silent(address: str, port: int) -> Iterator[None]:
    """Listen somewhere with no room left, so that whoever connects hears nothing, as of a machine that has gone."""
    with socket.socket() as full, contextlib.ExitStack() as clients:
        full.bind((address, port))
        full.listen(0)
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((address, port))
        yield


def give_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses."""

    async def look_up(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)


async def test_an_address_where_nobody_is_costs_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one address of a name is silent, the next is tried within the time for connecting."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with silent("127.0.0.2", port):
            give_addresses(monkeypatch, "127.0.0.2", "127.0.0.1")
            connection = await Connector(None, Limits(connect=6)).connect(Replica("orders", port))
            connection.close()


async def test_the_next_is_tried_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one address of a name refuses, the next is tried."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        give_addresses(monkeypatch, "127.0.0.3", "127.0.0.1")
        connection = await Connector(None, Limits()).connect(Replica("orders", port))
        connection.close()


async def test_with_nobody_anywhere_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no address answers it is an error, after the time for connecting at the latest."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    give_addresses(monkeypatch, "127.0.0.3", "127.0.0.1")
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await Connector(None, Limits()).connect(Replica("orders", port))


async def test_time_in_which_we_stood_still_is_given_again() -> None:
    """A connection that came about while the process stood still is used: the upstream was not slow."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connecting = asyncio.create_task(Connector(None, Limits(connect=0.2)).connect(Replica("127.0.0.1", port)))
        await asyncio.sleep(0)
        time.sleep(0.4)  # noqa: ASYNC251 - what the test is about
        (await connecting).close()


async def test_who_is_silent_is_given_up() -> None:
    """An upstream that does not answer in the time for connecting gets no more of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with asyncio.timeout(30):
        with silent("127.0.0.2", port), pytest.raises(TimeoutError):
            await Connector(None, Limits(connect=0.2)).connect(Replica("127.0.0.2", port))
