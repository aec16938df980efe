"""Changing ``NEXTAUTH_SECRET`` and the service secrets, replica by replica: no request fails, in either order.

First each replica gets the new secret as a previous one, then as its own. All the time two kinds of replicas run side
by side, and what one of them made has to be valid at the other. The same way leads from one service secret for all
callers to one for each.
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
from posts_service.settings import PostsSettings
from shared.auth_events import contract
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.tokens.authentication import User
from shared.tokens.form_tokens import FormTokens
from shared.tokens.signed import ServiceTokens
from shared.web.service_calls import ServiceClient
from tests.support.next_auth import SESSION_COOKIE, get_csrf_token, get_session, sign_in
from tests.support.people import PASSWORD
from tests.support.services import PUBLIC_URL, auth_settings, client_of, posts_settings, running
from tests.support.signers import USUAL
from tests.support.verifiers import keys_of

KEY = "an-access-token-key-that-stays-the-same"
COOKIES, SHARED, OWN = "nextauth_secret", "service_secret", ("gateway_service_secret", "posts_service_secret")
ROADS = {
    "each its own": ((COOKIES, *OWN), (COOKIES, *OWN)),
    "one for all": ((COOKIES, SHARED), (COOKIES, SHARED)),
    "from one for all to each its own": ((COOKIES, SHARED), (COOKIES, *OWN)),
}
"""Which secrets are there at the beginning of a road, and which at its end."""

Stages = dict[str, dict[str, str]]
SIDE_BY_SIDE = [("before", "learnt"), ("learnt", "changed"), ("changed", "after")]
BOTH_WAYS = [*SIDE_BY_SIDE, *((there, here) for here, there in SIDE_BY_SIDE if here != "changed")]
"""Not from the last stage but one to the last: what was made with the old secret ends with it, in its own time."""
CALLS = [*SIDE_BY_SIDE, *((there, here) for here, there in SIDE_BY_SIDE)]
"""Calls and forms: a service only makes them with what is its own at that stage."""


@pytest.fixture(scope="module", params=ROADS)
def stages(request: pytest.FixtureRequest) -> Stages:
    """Give the secrets at each stage of a road."""
    first, last = ROADS[request.param]
    old = {name: f"the-{name}-that-was-in-use-before-01" for name in first}
    new = {name: f"the-{name}-that-is-to-be-in-use-now-02" for name in last}
    return {
        "before": old,
        "learnt": {**old, **{f"{name}_previous": secret for name, secret in new.items()}},
        "changed": {**new, **{f"{name}_previous": secret for name, secret in old.items()}},
        "after": new,
    }


@pytest.fixture(scope="module")
async def replicas(auth_database_url: str, stages: Stages) -> AsyncIterator[dict[str, Starlette]]:
    """Give an auth service at each stage, all on one database."""
    async with AsyncExitStack() as stack:
        found = {}
        for stage, secrets in stages.items():
            given = {
                "environment": "production",
                "nextauth_url": PUBLIC_URL,
                "secret_key": KEY,
                SHARED: None,
                **secrets,
            }
            app = create_app(auth_settings(auth_database_url, **given), Metrics())
            found[stage] = await stack.enter_async_context(running(app))
            await app.state.parts.database.wait_until_ready()
        yield found


def settings_of_gateway(secrets: dict[str, str]) -> GatewaySettings:
    """Return a gateway's settings at a stage."""
    return GatewaySettings.model_validate({"secret_key": KEY, "nextauth_url": PUBLIC_URL, **secrets})


def settings_of_posts(secrets: dict[str, str]) -> PostsSettings:
    """Return a posts service's settings at a stage."""
    given = {"environment": "production", "nextauth_url": PUBLIC_URL, "secret_key": KEY, SHARED: None, **secrets}
    return posts_settings("postgresql://nowhere", **given)


@pytest.mark.parametrize(("here", "there"), BOTH_WAYS)
async def test_a_browser_notices_nothing(
    replicas: dict[str, Starlette], stages: Stages, database: asyncpg.Connection, here: str, there: str
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
    published = None if USUAL.signer.key is None else keys_of(USUAL.signer)  # beside the secret of the settings
    for stage in (here, there):
        credentials = Credentials.of(settings_of_gateway(stages[stage]), Revocations(), published)
        caller = credentials.identify("GET", [(b"cookie", cookie)], int(time.time())).caller
        assert isinstance(caller, User), stage


@pytest.mark.parametrize(("here", "there"), BOTH_WAYS)
async def test_a_session_is_renewed(
    replicas: dict[str, Starlette], stages: Stages, database: asyncpg.Connection, here: str, there: str
) -> None:
    """The gateway of one stage has a session of that stage renewed at the other, by either of its cookies."""
    del database  # emptied before
    keys = {"gateway": settings_of_gateway(stages[here]).build_keys("gateway")}
    token = ServiceTokens(keys).sign(caller="gateway", callee="auth_service", now=int(time.time()))
    async with client_of(replicas[here]) as one, client_of(replicas[there]) as other:
        await one.post("/api/user", json={"name": "Ada", "email": "ada@example.com", "password": PASSWORD})
        assert (await sign_in(one, "ada@example.com")).status_code == 200
        session, device = one.cookies[SESSION_COOKIE], one.cookies["gatepost.device"]
        for sealed in ({"session": session}, {"session": "", "device": device}):
            asked = {"pieces": [], **sealed}
            answer = await other.post(contract.SESSION_PATH, json=asked, headers={"authorization": f"Bearer {token}"})
            assert answer.json()["accessToken"], sealed.keys()


@pytest.mark.parametrize(
    ("caller", "path"),
    [
        ("gateway", contract.SESSION_PATH),
        ("gateway", contract.REVOCATIONS_PATH),
        ("posts_service", contract.REVOCATIONS_PATH),
        ("posts_service", contract.USER_CHANGES_PATH),
    ],
)
@pytest.mark.parametrize(("here", "there"), CALLS)
async def test_services_call_the_auth_service(
    replicas: dict[str, Starlette], stages: Stages, here: str, there: str, caller: str, path: str
) -> None:
    """A service at one stage can call an auth service at another, whatever it calls."""
    settings = settings_of_gateway(stages[here]) if caller == "gateway" else settings_of_posts(stages[here])
    tokens = ServiceTokens({caller: settings.build_keys(caller)})
    client = ServiceClient("http://auth.internal", caller=caller, callee="auth_service", tokens=tokens)
    await client._client.aclose()  # noqa: SLF001 - a transport without a socket takes its place
    client._client = httpx2.AsyncClient(  # noqa: SLF001
        transport=httpx2.ASGITransport(app=replicas[there]), base_url="http://auth.internal"
    )
    if path == contract.SESSION_PATH:
        answer = await client.post_json(path, {"session": "", "pieces": []})
    else:
        answer = await client.get_json(path, {})
    assert isinstance(answer, dict)
    assert answer.keys() & {"changes", "revocations", "accessToken"}
    await client.close()


@pytest.mark.parametrize(("here", "there"), CALLS)
async def test_forms_stay_valid(stages: Stages, here: str, there: str) -> None:
    """A form that one replica of the posts service showed can be sent to another."""
    one, other = (FormTokens.of(settings_of_posts(stages[at]).list_secrets("posts_service")) for at in (here, there))
    now = int(time.time())
    assert other.is_valid(one.sign("session", now), "session", now)


@pytest.mark.parametrize("caller", ["gateway", "posts_service"])
async def test_the_old_service_secret_ends_in_the_end(
    replicas: dict[str, Starlette], stages: Stages, caller: str
) -> None:
    """Once the old secret is removed, nobody can call with it."""
    settings = settings_of_gateway(stages["before"]) if caller == "gateway" else settings_of_posts(stages["before"])
    tokens = ServiceTokens({caller: settings.build_keys(caller)})
    token = tokens.sign(caller=caller, callee="auth_service", now=int(time.time()))
    async with client_of(replicas["after"]) as client:
        answer = await client.get(contract.REVOCATIONS_PATH, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_the_old_secret_ends_in_the_end(replicas: dict[str, Starlette], database: asyncpg.Connection) -> None:
    """Once the old secret is removed, cookies sealed with it no longer open."""
    del database  # emptied before
    async with client_of(replicas["before"]) as one, client_of(replicas["after"]) as other:
        body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        await one.post("/api/user", json=body)
        assert (await sign_in(one, "ada@example.com")).status_code == 200
        other.cookies = one.cookies
        assert await get_session(other) == {}
