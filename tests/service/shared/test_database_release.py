"""A connection that can't be given back in order, or not be closed: nobody is told of it twice, or too late.

asyncpg gives a connection back in a task of its own. Whatever that raises must reach somebody, or be known to be of no
interest: else the event loop says "Task exception was never retrieved", with a traceback, in the log.
"""

import asyncio
import contextlib
import gc
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.errors import Unavailable
from shared.postgres import database
from shared.postgres.database import Database
from tests.service.shared.conftest import Build
from tests.support.postgres_doors import listening
from tests.support.waiting import wait_until

HALF_MADE = "unexpected connection_lost() call"
"""What asyncpg's future of a connection says that was given up between its connecting and its asking for TLS."""


class Door:
    """A way to a server, on which nothing passes any more after ``freeze``, and which ``cut`` ends with a reset."""

    def __init__(self, folder: str) -> None:
        self._socket = f"{folder}/.s.PGSQL.5432"
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._clients: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead a connection to the server."""
        self._clients.append(writer)
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(self._carry(reader, inner_writer), self._carry(inner_reader, writer))
        finally:
            for each in (writer, inner_writer):
                each.transport.abort()

    def freeze(self) -> None:
        """Let nothing pass, neither on connections that there are nor on new ones."""
        self._is_open.clear()

    def cut(self) -> None:
        """Reset all connections, and let pass what comes after."""
        for writer in [each for each in self._clients if not each.is_closing()]:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        self._is_open.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._is_open.wait()
                writer.write(data)
        writer.close()


@pytest.fixture
async def door(url: str) -> AsyncIterator[tuple[Door, str]]:
    """Give a door to the database, and the URL that leads through it."""
    parts = urlsplit(url)
    door = Door(parse_qs(parts.query)["host"][0])
    async with listening(door.serve) as address:
        yield door, f"postgresql://{parts.netloc.rpartition('@')[0]}@{address}{parts.path}"
        door.cut()


@pytest.fixture
async def said() -> AsyncIterator[list[dict[str, Any]]]:
    """Give what the event loop says of failures that nobody asked for, but for those of half-made connections."""
    contexts: list[dict[str, Any]] = []
    gc.collect()  # what earlier tests have left is not of this one
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: None if is_half_made(context) else contexts.append(context))
    yield contexts
    loop.set_exception_handler(None)


def is_half_made(context: dict[str, Any]) -> bool:
    """Whether a failure is that future's, which nobody but asyncpg can wait for."""
    return isinstance(context.get("exception"), ConnectionError) and str(context["exception"]) == HALF_MADE


async def let_tasks_end(is_ours: Callable[[str], bool]) -> None:
    """Return when no task of this kind is left, and what they raised has been found by the garbage collector."""

    async def list_running() -> list[str]:
        return [repr(task) for task in asyncio.all_tasks() if is_ours(repr(task))]

    await wait_until(list_running, lambda tasks: not tasks, seconds=20)
    gc.collect()
    await asyncio.sleep(0)


async def test_a_release_that_fails_when_nobody_waits_any_more(
    monkeypatch: pytest.MonkeyPatch, build: Build, door: tuple[Door, str], said: list[dict[str, Any]]
) -> None:
    """A request that is given up while its connection is being given back leaves no failure behind.

    The server hangs: the statement is given up, its connection waits for the cancellation, and the request's own
    deadline comes before that has failed, too.
    """
    monkeypatch.setattr(database, "COMMAND_TIMEOUT", 1.5)
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT", 1.0)
    given_up = asyncio.Event()
    way, address = door
    db = build(address)
    await db.start()
    await db.wait_until_ready()

    async def work() -> None:
        async with db.connection() as connection:
            way.freeze()
            try:
                await connection.execute("SELECT 1")
            finally:
                given_up.set()

    working = asyncio.create_task(work())
    await asyncio.wait_for(given_up.wait(), 10)
    for _ in range(5):  # until it is being given back
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()
    await let_tasks_end(lambda task: "PoolConnectionHolder.release" in task)
    way.cut()
    await db.stop()
    assert said == []


async def expire(db: Database) -> None:
    """Let one connection find out that the server has become read-only, while another one is idle."""
    async with db.connection(), db.connection():
        pass
    with contextlib.suppress(Unavailable):
        async with db.transaction() as connection:
            await connection.execute("SET TRANSACTION READ ONLY")
            await connection.execute("INSERT INTO notes VALUES (1, 'a')")


async def test_an_old_connection_that_can_not_be_closed(
    monkeypatch: pytest.MonkeyPatch, build: Build, door: tuple[Door, str], said: list[dict[str, Any]]
) -> None:
    """After a demotion old connections are closed apart; one whose server hangs leaves no failure behind."""
    monkeypatch.setattr(database, "COMMAND_TIMEOUT", 0.5)
    way, address = door
    db = build(address)
    await db.start()
    await db.wait_until_ready()
    await expire(db)
    way.freeze()
    await asyncio.gather(*(_use(db) for _ in range(3)))
    await let_tasks_end(lambda task: "Connection.close" in task)
    way.cut()
    await db.stop()
    assert said == []


async def _use(db: Database) -> None:
    with contextlib.suppress(Unavailable):
        async with db.connection() as connection:
            await connection.execute("SELECT 1")
