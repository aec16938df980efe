"""A database with several servers: the wanted one is found, whatever state the others are in.

The embedded PostgreSQL listens only on a Unix socket; the servers here are proxies to it, or broken ones.
"""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.errors import Unavailable
from shared.postgres.servers import PostgresServers
from tests.service.shared.conftest import Build
from tests.support.postgres_doors import door_to, listening
from tests.support.waiting import wait_until

PATIENCE = 30.0  # seconds, far more than any test should wait: waiting for a silent server would exceed it


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send nothing until the other end disconnects."""
    await reader.read()
    writer.close()


def url_of(url: str, *servers: str, kind: str = "read-write") -> str:
    """Return the URL of the same database at these servers."""
    parts = urlsplit(url)
    account = parts.netloc.rpartition("@")[0]
    return f"{parts.scheme}://{account}@{','.join(servers)}{parts.path}?target_session_attrs={kind}"


@pytest.mark.parametrize("place", [0, 1])
async def test_a_silent_server_is_not_waited_for(url: str, place: int) -> None:
    """With one server that answers and one that is silent, the connection is there at once, in either order."""
    async with listening(door_to(url)) as good, listening(stay_silent) as silent, asyncio.timeout(PATIENCE / 3):
        addresses = [silent, good] if place else [good, silent]
        connection = await PostgresServers(url_of(url, *addresses)).connect(timeout=PATIENCE)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_server_that_is_gone_is_passed_over(url: str, unused_tcp_port: int) -> None:
    """A refused connection, or a name that does not resolve, is no obstacle to reaching the server that is up."""
    async with listening(door_to(url)) as good:
        servers = PostgresServers(url_of(url, f"127.0.0.1:{unused_tcp_port}", "nowhere.invalid:5432", good))
        connection = await servers.connect(timeout=PATIENCE)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_only_one_connection_stays(url: str) -> None:
    """If several servers answer, one connection is used and the others are closed."""
    async with listening(door_to(url)) as one, listening(door_to(url)) as other:
        servers = PostgresServers(url_of(url, one, other))
        taken = [await servers.connect(timeout=PATIENCE) for _ in range(3)]
        counting = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user"
        assert await wait_until(lambda: taken[0].fetchval(counting), lambda number: number == len(taken)) == len(taken)
        for connection in taken:
            await connection.close()


async def test_no_server_of_the_wanted_kind(url: str, build: Build, unused_tcp_port: int) -> None:
    """If no server has the wanted role, the service keeps looking, and has no database meanwhile."""
    async with listening(door_to(url)) as primary:
        wanted = url_of(url, primary, f"127.0.0.1:{unused_tcp_port}", kind="standby")
        with pytest.raises((asyncpg.TargetServerAttributeNotMatched, OSError)):
            await PostgresServers(wanted).connect(timeout=PATIENCE)
        db = build(wanted)
        await db.start()
        await asyncio.sleep(0.1)
        assert db.find_lack() == "not connected"
        with pytest.raises(Unavailable):
            async with db.connection():
                pass


async def test_a_pool_finds_the_servers(url: str, build: Build) -> None:
    """A service's database works with several servers as with one."""
    async with listening(stay_silent) as silent, listening(door_to(url)) as good:
        db = build(url_of(url, silent, good))
        await db.start()
        await db.wait_until_ready()
        async with db.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM notes") == 0
        await db.stop()
