"""Proving addresses, in short functions: what a client sends, and what stands in the letters."""

import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar

import asyncpg
import httpx2
from starlette.applications import Starlette

from tests.support.letters import find_code, forget_letters
from tests.support.people import Person

PROVE, PROVE_BY = "/api/me/email/verification", "/api/me/email/verification/confirm"
MOVE, MOVE_BY = "/api/me/email", "/api/me/email/confirm"
SIGN_UP_BY = "/api/user/confirm"
NEW_EMAIL = "ada@lovelace.example.org"

DRIVERS_OWN = ("typeinfo", "'jit'")  # asyncpg learns of types, once for each connection

_is_watched: ContextVar[bool] = ContextVar("_is_watched", default=False)


async def ask_to_prove(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Ask for a code to the present address."""
    return await client.post(PROVE, headers=person.bearer)


async def ask_to_move(client: httpx2.AsyncClient, person: Person, email: str = NEW_EMAIL) -> httpx2.Response:
    """Ask for a code to another address."""
    return await client.post(MOVE, json={"email": email}, headers=person.bearer)


async def type_code(client: httpx2.AsyncClient, path: str, person: Person, code: str) -> httpx2.Response:
    """Send a code."""
    return await client.post(path, json={"code": code}, headers=person.bearer)


async def prove(client: httpx2.AsyncClient, database: asyncpg.Connection, person: Person) -> None:
    """Prove somebody's address."""
    await forget_letters(database)
    assert (await ask_to_prove(client, person)).status_code == 202
    answer = await type_code(client, PROVE_BY, person, await find_code(database))
    assert answer.status_code == 204, answer.text


@contextlib.asynccontextmanager
async def watch_queries(app: Starlette) -> AsyncIterator[list[str]]:
    """Give the list of statements that a service runs for the caller meanwhile, however many connections it uses.

    They are noted in the next turn of the loop. What the service does in the background is not the caller's.
    """
    queries: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        if _is_watched.get() and not any(word in record.query for word in DRIVERS_OWN):
            queries.append(record.query)

    async with contextlib.AsyncExitStack() as stack:
        borrow = app.state.parts.database.connection
        connections = [await stack.enter_async_context(borrow()) for _ in range(10)]
        held = [connection._con for connection in connections]  # noqa: SLF001 - the proxy forgets its loggers
    for connection in held:
        connection.add_query_logger(note)
    watching = _is_watched.set(True)
    yield queries
    _is_watched.reset(watching)
    for connection in held:
        connection.remove_query_logger(note)
