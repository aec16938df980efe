"""Where lists are read when a standby is set: never where authors could miss what they wrote."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from starlette.applications import Starlette

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.people import Person
from tests.support.postgres_doors import door_to, listening
from tests.support.posts import write_post
from tests.support.services import client_of, posts_settings, running

pytestmark = pytest.mark.only_fast

METRIC = "gatepost_list_queries_total"


def count(metrics: Metrics, server: str) -> float:
    """Return how many queries for lists were sent to a server."""
    return metrics.registry.get_sample_value(METRIC, {"server": server}) or 0


@pytest.fixture
def metrics() -> Metrics:
    """Give the service's metrics."""
    return Metrics()


@pytest.fixture
async def beside_standby(
    database: asyncpg.Connection, posts_database_url: str, metrics: Metrics
) -> AsyncIterator[Starlette]:
    """Give the service with a standby; here the same server plays that part, as fresh as can be."""
    del database  # emptied
    settings = posts_settings(posts_database_url, posts_replica_url=posts_database_url)
    async with running(create_app(settings, metrics)) as app:
        await app.state.parts.database.wait_until_ready()
        await app.state.parts.standby.wait_until_ready()
        yield app


async def test_a_standby_that_nobody_waits_for_is_not_read(
    beside_standby: Starlette, metrics: Metrics, ada: Person
) -> None:
    """If the primary acknowledges writes without waiting, lists are read from it, and ``/readyz`` says so."""
    async with client_of(beside_standby) as client:
        post = await write_post(client, ada, published=True)
        answer = await client.get(f"/api/user/{ada.id}", headers=ada.bearer)
        assert [each["id"] for each in answer.json()] == [post["id"]]
        ready = (await client.get("/readyz")).json()
    assert (count(metrics, "standby"), count(metrics, "primary")) == (0, 1)
    assert ready["remarks"]["standby"] == "the primary does not wait for it: lists are read at the primary"


async def test_a_standby_that_is_waited_for_is_read(beside_standby: Starlette, metrics: Metrics, ada: Person) -> None:
    """Lists of API and pages are read from a standby that the primary waits for; single posts and writes are not."""
    source = beside_standby.state.parts.list_source
    source._is_waited_for, source._checked_at = True, float("inf")  # noqa: SLF001 - no server here can follow another
    async with client_of(beside_standby) as client:
        await write_post(client, ada, published=True)
        for path in (f"/api/user/{ada.id}", "/api/posts", "/", "/userposts"):
            assert (await client.get(path, headers=ada.bearer)).status_code == 200
    assert (count(metrics, "standby"), count(metrics, "primary")) == (4, 0)


async def test_writes_wait_until_the_standby_has_applied_them(beside_standby: Starlette) -> None:
    """Sessions at the primary demand that; those of a service without a standby keep the server's setting."""
    parts = beside_standby.state.parts
    async with parts.database.connection() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "remote_apply"
    async with parts.standby.connection() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") != "remote_apply"


async def test_a_standby_that_fails_costs_nothing(
    database: asyncpg.Connection, posts_database_url: str, metrics: Metrics, ada: Person
) -> None:
    """While the standby is gone lists come from the primary, and once it is lost ``/readyz`` says so."""
    del database
    async with listening(door_to(posts_database_url)) as address:
        account = posts_database_url.partition("://")[2].partition("@")[0]
        settings = posts_settings(posts_database_url, posts_replica_url=f"postgresql://{account}@{address}/posts")
        app = create_app(settings, metrics)
        async with running(app):
            for database_of in (app.state.parts.database, app.state.parts.standby):
                await database_of.wait_until_ready()
            source = app.state.parts.list_source
            source._is_waited_for, source._checked_at = True, float("inf")  # noqa: SLF001 - as above
            await app.state.parts.standby._pool.expire_connections()  # noqa: SLF001 - what it has is gone with the server
            app.state.parts.standby._servers._urls = ["postgresql://nobody@127.0.0.1:1/posts"]  # noqa: SLF001
            async with client_of(app) as client:
                for _ in range(3):
                    assert (await client.get(f"/api/user/{ada.id}", headers=ada.bearer)).status_code == 200
    assert (count(metrics, "standby"), count(metrics, "primary")) == (0, 3)
