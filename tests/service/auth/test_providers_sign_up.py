"""Another provider makes no account for somebody who may not have one; who has one signs in all the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support.command_line import CommandLine
from tests.support.providers import (
    Running,
    describe,
    read_error,
    running_with_providers,
    sign_in,
    write_providers,
)
from tests.support.services import client_of


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, ours: Running) -> Path:
    """Give the file that names it."""
    return write_providers(tmp_path_factory.mktemp("providers"), describe(ours))


@pytest.fixture
async def closed(
    app: Starlette, auth_database_url: str, file: Path, database: asyncpg.Connection
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at a service where nobody makes an account by themselves."""
    del app, database  # the tables are there, and empty
    async with running_with_providers(auth_database_url, file, sign_up="closed") as running, client_of(running) as it:
        yield it


@pytest.fixture
async def invited(
    app: Starlette, auth_database_url: str, file: Path, database: asyncpg.Connection
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at a service where it takes an invitation."""
    del app, database
    async with (
        running_with_providers(auth_database_url, file, sign_up="invitation") as running,
        client_of(running) as it,
    ):
        yield it


async def test_where_it_is_closed_nobody_new_gets_in(
    closed: httpx2.AsyncClient, ours: Running, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Somebody without an account gets none; with one that an operator made for their address, they sign in."""
    ours.know("ada", "ada@example.com")
    assert read_error(await sign_in(closed, "ours", "ada")) == "AccessDenied"
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    assert await database.fetchval("SELECT event FROM audit") == "sign_in_refused"
    await command_line.find("user", "create", "Ada", "ada@example.com", stdin="correct horse battery")
    assert read_error(await sign_in(closed, "ours", "ada")) == ""
    assert await database.fetchval("SELECT count(*) FROM users") == 1


async def test_an_invitation_counts_for_a_provider_too(
    invited: httpx2.AsyncClient, ours: Running, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Who opened the link in this browser gets an account by another provider, which uses the invitation."""
    ours.know("ada", "ada@example.com")
    ours.know("bob", "bob@example.com")
    assert read_error(await sign_in(invited, "ours", "ada")) == "AccessDenied"
    made = await command_line.find("invitation", "new")
    assert isinstance(made, dict)
    await invited.get(made["link"])
    assert read_error(await sign_in(invited, "ours", "ada")) == ""
    assert await database.fetchval("SELECT uses_left FROM invitations") == 0
    assert read_error(await sign_in(invited, "ours", "ada")) == ""  # has an account: needs no other
    assert read_error(await sign_in(invited, "ours", "bob")) == "AccessDenied"
    assert await database.fetchval("SELECT count(*) FROM users") == 1
