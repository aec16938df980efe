"""The gateway as a process: what it asks of the machine when it starts."""

import asyncio
import resource
from collections.abc import Iterator

import pytest

from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.raw_client import read_head

USUAL = 1024  # files, what a shell or systemd lets a program open


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let programs started from here open no more files than usual at first; give how many they may open at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL, hard), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_it_has_room_for_thousands_of_connections(few_files: int) -> None:
    """It opens as many files as the machine lets it, not the few that programs may have without asking."""
    async with gateway_process() as running:
        assert resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE) == (few_files, few_files)


async def ask(running: GatewayProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Send a write on a connection and return the status of its answer, of which no more is read."""
    writer.write(f"POST /nowhere HTTP/1.1\r\nHost: {running.host}\r\nContent-Length: 0\r\n\r\n".encode())
    head = read_head(await reader.readuntil(b"\r\n\r\n"))
    await reader.readexactly(int(head.values("content-length")[0]))
    return head.status


async def test_an_unused_connection_is_kept_for_longer_than_balancers_do() -> None:
    """A connection that was unused for a while, as a balancer's is, still takes a write: it is not being closed."""
    async with gateway_process() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert await ask(running, reader, writer) == 404
        await asyncio.sleep(6)
        assert await ask(running, reader, writer) == 404
        writer.close()


async def test_how_long_an_unused_connection_is_kept_is_a_setting() -> None:
    """It is closed after CLIENT_IDLE_SECONDS, and not earlier."""
    async with gateway_process({"CLIENT_IDLE_SECONDS": "1"}) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert await ask(running, reader, writer) == 404
        began = asyncio.get_running_loop().time()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert asyncio.get_running_loop().time() - began >= 0.9
        writer.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_all_addresses_are_those_of_both_families(address: str) -> None:
    """With HOST=:: it is reached by IPv4 and by IPv6, for requests and for its metrics."""
    async with gateway_process({"HOST": "::"}) as running:
        for port in (running.port, running.metrics_port):
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(f"GET /livez HTTP/1.1\r\nHost: {running.host}\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.")
            writer.close()
