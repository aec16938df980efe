"""The auth service in process, on an emptied database for each test."""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.metrics import Metrics
from tests.support.epochs import note_place
from tests.support.people import Person, sign_up_and_in
from tests.support.services import auth_settings, client_of, running


@pytest.fixture(scope="session")
async def app(auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give the running auth service."""
    async with running(create_app(auth_settings(auth_database_url), Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def database(app: Starlette, auth_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to the service's database, emptied."""
    del app  # it makes the tables
    connection = await asyncpg.connect(auth_database_url)
    tables = "users, sessions, refresh_tokens, audit, attempts, user_changes, revocations"
    async with connection.transaction():
        await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        await note_place(connection, "users")
    yield connection
    await connection.close()


@pytest.fixture
async def client(app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the service."""
    del database  # emptied before
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in."""
    return await sign_up_and_in(client, "Ada Lovelace")
