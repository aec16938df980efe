"""Codes and links sent by mail while ``NEXTAUTH_SECRET`` is changed, replica by replica: each works at all of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.service.auth.test_mail_sign_in import ask as ask_for_link
from tests.service.auth.test_mail_sign_in import press, read_link
from tests.support.letters import WITH_MAIL, forget_letters
from tests.support.people import Person, sign_up_and_in
from tests.support.recovery import FLOW_COOKIE, confirm, get_code
from tests.support.services import auth_settings, client_of, running

OLD, NEW = "the-secret-that-was-in-use-before-01", "the-secret-that-is-to-be-in-use-now-02"
STAGES: dict[str, dict[str, object]] = {
    "before": {"nextauth_secret": OLD},
    "learnt": {"nextauth_secret": OLD, "nextauth_secret_previous": NEW},
    "changed": {"nextauth_secret": NEW, "nextauth_secret_previous": OLD},
    "after": {"nextauth_secret": NEW},
}
SIDE_BY_SIDE = [("before", "learnt"), ("learnt", "changed"), ("changed", "after")]
EACH_WAY = [*SIDE_BY_SIDE, *((there, here) for here, there in SIDE_BY_SIDE)]


@pytest.fixture(scope="module")
async def replicas(app: Starlette, auth_database_url: str) -> AsyncIterator[dict[str, Starlette]]:
    """Give a service with mail at each stage, all on one database."""
    del app  # the tables are there
    async with AsyncExitStack() as stack:
        found = {}
        for stage, secrets in STAGES.items():
            app = create_app(auth_settings(auth_database_url, **WITH_MAIL, **secrets), Metrics())
            found[stage] = await stack.enter_async_context(running(app))
            await app.state.parts.database.wait_until_ready()
            await app.state.parts.delivery.stop()
        yield found


@pytest.fixture
async def grace(replicas: dict[str, Starlette], database: asyncpg.Connection) -> Person:
    """Give somebody whose address is proven."""
    async with client_of(replicas["before"]) as client:
        person = await sign_up_and_in(client, "Grace Hopper")
    await database.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", person.id)
    return person


@pytest.mark.parametrize(("here", "there"), EACH_WAY)
async def test_a_code_works_everywhere(
    replicas: dict[str, Starlette], database: asyncpg.Connection, grace: Person, here: str, there: str
) -> None:
    """A code that was asked for at one replica can be typed at another."""
    async with client_of(replicas[here]) as one, client_of(replicas[there]) as other:
        code = await get_code(one, database, grace.email)
        other.cookies.set(FLOW_COOKIE, one.cookies[FLOW_COOKIE])
        assert (await confirm(other, grace.email, code)).status_code == 204


@pytest.mark.parametrize(("here", "there"), EACH_WAY)
async def test_a_link_works_everywhere(
    replicas: dict[str, Starlette], database: asyncpg.Connection, grace: Person, here: str, there: str
) -> None:
    """A link that was asked for at one replica signs in at another."""
    async with client_of(replicas[here]) as one, client_of(replicas[there]) as other:
        await ask_for_link(one, grace.email)
        assert (await press(other, await read_link(database))).status_code == 302


async def test_a_newer_code_ends_an_older_one(
    replicas: dict[str, Starlette], database: asyncpg.Connection, grace: Person
) -> None:
    """Only the newest code of an address is good, whichever replicas they were asked of, and wherever it is typed."""
    async with client_of(replicas["learnt"]) as one, client_of(replicas["changed"]) as other:
        older = await get_code(one, database, grace.email)
        newer = await get_code(other, database, grace.email)
        assert (await confirm(one, grace.email, older)).status_code == 400
        await forget_letters(database)
        assert (await confirm(other, grace.email, newer)).status_code == 204
