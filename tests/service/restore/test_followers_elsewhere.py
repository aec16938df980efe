"""External services follow the ended sessions through thousands of them and through a restored database."""

import datetime as dt
import uuid
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.operators.operator import build_client
from auth_service.tables.revocations import PAGE, insert_revocations
from auth_service.tables.sessions import SessionId
from tests.support.followers_elsewhere import COMMANDS, following_elsewhere
from tests.support.people import Person, sign_in, sign_up_and_in
from tests.support.restoring import Installation, connected, dump, restore
from tests.support.service_credentials import create_within
from tests.support.waiting import wait_until

THOUSANDS = 5 * PAGE + 1


@pytest.fixture(params=COMMANDS)
def language(request: pytest.FixtureRequest) -> str:
    """Give the language of a service."""
    return str(request.param)


async def sign_out(client: httpx2.AsyncClient, person: Person) -> None:
    """End the session of somebody's token."""
    assert (await client.post("/api/logout", headers=person.bearer)).status_code == 204


async def end_thousands(database: asyncpg.Connection) -> None:
    """Let thousands of other sessions have ended."""
    ended = [SessionId(uuid.uuid4()) for _ in range(THOUSANDS)]
    async with database.transaction():
        await insert_revocations(database, ended, dt.timedelta(hours=1))


async def sign_in_again(client: httpx2.AsyncClient, person: Person) -> Person:
    """Sign in once the service does so again."""
    wanted = {"username": person.email, "password": "correct horse battery"}
    await wait_until(lambda: client.post("/api/login", json=wanted), lambda answer: answer.status_code == 200)
    return await sign_in(client, person.email)


async def test_thousands_are_known(installation: Installation, language: str) -> None:
    """Of thousands that ended before the start and at once meanwhile, the first and the last are refused."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (app, client), connected(urls.auth) as database:
            names = ("Ada", "Eve", "Mary", "Joan")
            first, last, other, next_one = [await sign_up_and_in(client, name) for name in names]
            await sign_out(client, first)
            await end_thousands(database)
            await sign_out(client, last)
            async with following_elsewhere(language, url_of(installation), await create_within(app)) as process:
                assert [await process.refuses(each) for each in (first, last, other)] == [True, True, False]
                await end_thousands(database)
                await sign_out(client, next_one)
                await process.wait_until_refused(next_one)
                assert not await process.refuses(other)


async def test_the_database_was_put_back(installation: Installation, folder: Path, language: str) -> None:
    """After a restore under a running follower no earlier token passes, and it goes on in the new epoch.

    What was ended before the dump and after it stays refused; sessions that begin now pass until they end.
    """
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (app, client):
            credential = await create_within(app)
            ada, grace = await sign_up_and_in(client, "Ada"), await sign_up_and_in(client, "Grace")
            await dump(urls.auth, folder / "auth.dump")
            async with following_elsewhere(language, url_of(installation), credential) as process:
                await sign_out(client, ada)
                await process.wait_until_refused(ada)
                assert not await process.refuses(grace)
                await restore(urls.auth, folder / "auth.dump")
                await process.wait_until_refused(grace)
                assert await process.refuses(ada)
                again = await sign_in_again(client, grace)
                assert not await process.refuses(again)
                await sign_out(client, again)
                await process.wait_until_refused(again)


async def test_a_credential_that_was_revoked_comes_back_with_the_dump(installation: Installation, folder: Path) -> None:
    """A restore brings back what was there, revoked credentials too: the pages say to revoke them again."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (app, _):
            services = app.state.parts.service_credentials
            credential = await create_within(app)
            await dump(urls.auth, folder / "auth.dump")
            await revoke(app)
            assert await services.find(credential) is None
            await restore(urls.auth, folder / "auth.dump")
            await wait_until(lambda: services.find(credential), lambda found: found is not None)


def url_of(installation: Installation) -> str:
    """Return where the auth service listens."""
    return f"http://127.0.0.1:{installation.port}"


async def revoke(app: Starlette) -> None:
    """Revoke the service's credential."""
    await app.state.parts.service_credentials.revoke("orders", build_client("a test"))
