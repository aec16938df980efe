"""The posts service in process, on an emptied database for each test, with the auth service played by a fake."""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from tests.support.epochs import empty_tables
from tests.support.fake_auth_service import FakeAuthService, running_auth_service
from tests.support.forged_tokens import forge, make_claims
from tests.support.people import Person
from tests.support.services import client_of, posts_settings, running


@pytest.fixture(scope="session")
async def fake_auth_service() -> AsyncIterator[FakeAuthService]:
    """Give the auth service that the application calls; it knows nobody."""
    async with running_auth_service(SAMPLE_SECRETS["SERVICE_SECRET"]) as fake:
        yield fake


@pytest.fixture(scope="session")
async def app(posts_database_url: str, fake_auth_service: FakeAuthService) -> AsyncIterator[Starlette]:
    """Give the running posts service."""
    settings = posts_settings(posts_database_url, auth_service_url=fake_auth_service.url)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def database(
    app: Starlette, posts_database_url: str, fake_auth_service: FakeAuthService
) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to the service's database, emptied; the auth service's feeds are read from their beginning."""
    del app  # it makes the tables
    connection = await asyncpg.connect(posts_database_url)
    fake_auth_service.reset()
    try:
        await connection.execute(
            "UPDATE followed_feeds SET position = 0, epoch = NULL, highest_id = 0, reading_since = NULL"
        )  # waits for a page that is being taken
        await empty_tables(connection, "authors, removals, posts, imported_posts, idempotency_keys", "posts")
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def client(app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the service, not signed in."""
    del database  # emptied before
    async with client_of(app) as client:
        yield client


@pytest.fixture
def ada() -> Person:
    """Give somebody with a valid access token."""
    return make_person(1, "Ada Lovelace")


@pytest.fixture
def grace() -> Person:
    """Give somebody else."""
    return make_person(2, "Grace Hopper")


def make_person(user_id: int, name: str, **changes: object) -> Person:
    """Return somebody with a token of their own session, with changed claims if given."""
    email = f"{name.partition(' ')[0].lower()}@example.com"
    claims = make_claims(user_id=user_id) | {"name": name, "email": email} | changes
    return Person(user_id, name, email, forge(claims))
