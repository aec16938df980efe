"""The auth service in process, on an emptied database for each test."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from shared.web.deadline import DeadlineMiddleware
from tests.support.command_line import CommandLine
from tests.support.epochs import empty_tables
from tests.support.guessing import DEFAULTS, HOME, Replica
from tests.support.letters import running_with_mail
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.providers import Running, describe, running_provider, running_with_providers, write_providers
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
    tables = (
        "users, session_cutoffs, sessions, refresh_tokens, audit, attempts, user_changes, revocations, codes, letters,"
        " service_credentials, identities, invitations, feed_purges"
    )
    try:
        await empty_tables(connection, tables, "users")
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def client(app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the service."""
    del database  # it has been emptied
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in."""
    return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture(scope="session")
async def mail_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give the running auth service with mail."""
    del app  # the tables are there
    async with running_with_mail(auth_database_url) as mail_app:
        yield mail_app


@pytest.fixture
async def mail_client(mail_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the service with mail."""
    del database  # it has been emptied
    async with client_of(mail_app) as client:
        yield client


@pytest.fixture(scope="session")
def ours() -> Iterator[Running]:
    """Give a provider."""
    with running_provider("ours") as provider:
        yield provider


@pytest.fixture(scope="session")
def theirs() -> Iterator[Running]:
    """Give a second one, whose keys are on a curve."""
    with running_provider("theirs", ALGORITHM="ES256", AUTH_METHOD="client_secret_post") as provider:
        yield provider


@pytest.fixture(scope="session")
async def provider_app(
    app: Starlette, auth_database_url: str, tmp_path_factory: pytest.TempPathFactory, ours: Running, theirs: Running
) -> AsyncIterator[Starlette]:
    """Give the running auth service, in which people sign in with both, and with one that is down; without mail."""
    del app  # it makes the tables
    down = 'id = "down"\nissuer = "http://127.0.0.1:9"'
    file = write_providers(tmp_path_factory.mktemp("providers"), describe(ours), describe(theirs), down)
    async with running_with_providers(auth_database_url, file) as running:
        yield running


@pytest.fixture
async def provider_client(provider_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of that service."""
    del database  # it has been emptied
    async with client_of(provider_app) as client:
        yield client


@pytest.fixture(scope="module")
async def replicas(app: Starlette, auth_database_url: str) -> AsyncIterator[list[Replica]]:
    """Give two replicas with the default limits, and ample time: a slow machine must not decide the outcome."""
    del app  # the tables are there
    settings = auth_settings(auth_database_url, **DEFAULTS)
    both = [(create_app(settings, metrics), metrics) for metrics in (Metrics(), Metrics())]
    for middleware in both[0][0].user_middleware + both[1][0].user_middleware:
        if middleware.cls is DeadlineMiddleware:
            middleware.kwargs["seconds"] = 60.0
    async with running(both[0][0]), running(both[1][0]):
        for replica, _ in both:
            await replica.state.parts.database.wait_until_ready()
        yield both


@pytest.fixture
async def guarded(replicas: list[Replica], database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the first replica, on an emptied database."""
    del database
    async with client_of(replicas[0][0]) as client:
        yield client


@pytest.fixture
async def newcomer(guarded: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up at home and never signed in."""
    body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    answer = await guarded.post("/api/user", json=body, headers={"x-forwarded-for": HOME})
    return Person(answer.json()["id"], "Ada", "ada@example.com", "")


@pytest.fixture
def command_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: asyncpg.Connection,
    auth_database_url: str,
    logging_as_it_was: None,
) -> CommandLine:
    """Give the command line, with the settings of the running service."""
    del database, logging_as_it_was  # emptied; it sets up logging
    settings = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "AUTH_DATABASE_URL": auth_database_url}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return CommandLine(monkeypatch, capsys)
