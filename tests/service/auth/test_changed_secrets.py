"""Rotating ``NEXTAUTH_SECRET`` and ``SERVICE_SECRET``, replica by replica: no request fails meanwhile, in either order.

First each replica gets the new secret as a previous one, then as its own. All the time two kinds of replicas run side
by side, and what one of them made has to be valid at the other.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from gateway.callers.credentials import Credentials
from gateway.settings import GatewaySettings
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.settings import reveal
from shared.tokens.authentication import User
from shared.tokens.signed import KeyRing, ServiceTokens
from shared.web.service_calls import ServiceClient
from tests.support.next_auth import get_csrf_token, get_session, sign_in
from tests.support.people import PASSWORD
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running, verifying_settings
from tests.support.signers import USUAL
from tests.support.verifiers import keys_of

NAMES = ("nextauth_secret", "service_secret")
OLD = {name: f"the-{name}-that-was-in-use-before-01" for name in NAMES}
NEW = {name: f"the-{name}-that-is-to-be-in-use-now-02" for name in NAMES}
STAGES = {
    "before": OLD,
    "learnt": {**OLD, **{f"{name}_previous": NEW[name] for name in NAMES}},
    "changed": {**NEW, **{f"{name}_previous": OLD[name] for name in NAMES}},
    "after": NEW,
}
SIDE_BY_SIDE = [("before", "learnt"), ("learnt", "changed"), ("changed", "after")]
BOTH_WAYS = [*SIDE_BY_SIDE, *((there, here) for here, there in SIDE_BY_SIDE if here != "changed")]
"""Not from the last stage but one to the last: what was made with the old secret ends with it, in its own time."""


@pytest.fixture(scope="module")
async def replicas(auth_database_url: str) -> AsyncIterator[dict[str, Starlette]]:
    """Give an auth service at each stage, all on one database."""
    async with AsyncExitStack() as stack:
        found = {}
        for stage, secrets in STAGES.items():
            app = create_app(auth_settings(auth_database_url, **secrets), Metrics())
            found[stage] = await stack.enter_async_context(running(app))
            await app.state.parts.database.wait_until_ready()
        yield found


def settings_of_gateway(stage: str) -> GatewaySettings:
    """Return a gateway's settings at a stage."""
    key = {**verifying_settings(), "environment": "development", "nextauth_url": PUBLIC_URL}
    return GatewaySettings.model_validate({**key, **STAGES[stage]})


@pytest.mark.parametrize(("here", "there"), BOTH_WAYS)
async def test_a_browser_notices_nothing(
    replicas: dict[str, Starlette], database: asyncpg.Connection, here: str, there: str
) -> None:
    """A form from one replica signs in at another, and the user is signed in at both, and at both kinds of gateways."""
    del database  # emptied before
    async with client_of(replicas[here]) as one, client_of(replicas[there]) as other:
        body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        assert (await one.post("/api/user", json=body)).status_code == 201
        token = await get_csrf_token(one)
        other.cookies = one.cookies
        form = {"username": "ada@example.com", "password": PASSWORD, "csrfToken": token, "json": "true"}
        answer = await other.post("/api/auth/callback/credentials", data=form)
        assert (answer.status_code, "error" in answer.json()["url"]) == (200, False)
        assert "user" in await get_session(other)
        one.cookies = other.cookies
        assert "user" in await get_session(one)
        cookie = "; ".join(f"{name}={value}" for name, value in one.cookies.items()).encode()
    for stage in (here, there):
        credentials = Credentials.of(settings_of_gateway(stage), Revocations(), keys_of(USUAL.signer))
        caller = credentials.identify("GET", [(b"cookie", cookie)], int(time.time())).caller
        assert isinstance(caller, User), stage


@pytest.mark.parametrize(("here", "there"), BOTH_WAYS)
async def test_services_call_one_another(replicas: dict[str, Starlette], here: str, there: str) -> None:
    """A service at one stage can call a service at another."""
    settings = settings_of_gateway(here)
    keys = KeyRing(settings.service_secret.get_secret_value(), reveal(settings.service_secret_previous))
    client = ServiceClient("http://auth.internal", caller="gateway", callee="auth_service", tokens=ServiceTokens(keys))
    await client._client.aclose()  # noqa: SLF001 - a transport without a socket takes its place
    client._client = httpx2.AsyncClient(  # noqa: SLF001
        transport=httpx2.ASGITransport(app=replicas[there]), base_url="http://auth.internal"
    )
    page = await client.get_json("/internal/users/changes", {})
    assert isinstance(page, dict)
    assert set(page) == {"changes", "last", "epoch"}
    await client.close()


async def test_the_old_secret_ends_in_the_end(replicas: dict[str, Starlette], database: asyncpg.Connection) -> None:
    """Once the old secret is removed, cookies sealed with it no longer open."""
    del database  # emptied before
    async with client_of(replicas["before"]) as one, client_of(replicas["after"]) as other:
        body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        await one.post("/api/user", json=body)
        assert (await sign_in(one, "ada@example.com")).status_code == 200
        other.cookies = one.cookies
        assert await get_session(other) == {}
