"""Somebody has a service's whole environment, as compose gives it in production: what that is worth.

The thief tries every value in it for every purpose: as a key, as a secret from which keys are derived, and in the name
of each service.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import product

import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.operators.commands import make_secrets
from auth_service.parts import Parts
from auth_service.settings import AuthSettings
from gateway.settings import GatewaySettings
from posts_service.settings import PostsSettings
from shared.auth_events import contract
from shared.observing.metrics import Metrics
from shared.settings import Settings
from shared.tokens.service_keys import derive_secret
from shared.tokens.session_cookie import SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing, ServiceTokens
from tests.support.compose_environment import read_compose_environment
from tests.support.people import Person, sign_up_and_in
from tests.support.services import client_of, running

URL = "https://gate.example"
ENV_FILE = {
    **{name: str(value) for name, value in make_secrets().items()},
    "ENVIRONMENT": "production",
    "NEXTAUTH_URL": URL,
    "AUTH_DATABASE_URL": "postgresql://auth:of-auth@postgres/auth",
    "POSTS_DATABASE_URL": "postgresql://posts:of-posts@postgres/posts",
}
CALLERS = ("gateway", "posts_service", "auth_service")
PATHS = (contract.USER_CHANGES_PATH, contract.REVOCATIONS_PATH, contract.SESSION_PATH)
Environment = Mapping[str, str]

SIGN_USERS_TOKENS = {"HS256": {"SECRET_KEY"}}
"""What of the environment signs users' tokens, by how these are signed: one secret signs and verifies."""


def read_settings(settings_type: type[Settings], environment: Environment, **changes: str) -> Settings:
    """Return a service's settings as it reads them from its container's environment."""
    given = {name.lower(): value for name, value in environment.items() if value}
    return settings_type.model_validate({"port": 8000, "metrics_port": 8100, **given, **changes})


@pytest.fixture(scope="module")
async def app(auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give the auth service with its own environment."""
    settings = read_settings(
        AuthSettings, read_compose_environment("auth_service", ENV_FILE), auth_database_url=auth_database_url
    )
    assert isinstance(settings, AuthSettings)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def client(app: Starlette, database: object) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the service; the thief is inside, where no gateway is between them."""
    del database  # emptied before
    async with client_of(app, URL) as client:
        yield client


@pytest.fixture
def parts(app: Starlette) -> Parts:
    """Give the keys of the service."""
    found = app.state.parts
    assert isinstance(found, Parts)
    return found


@pytest.fixture
def of_posts() -> Environment:
    """Give the environment of the posts service."""
    return read_compose_environment("posts_service", ENV_FILE)


@pytest.fixture
def of_gateway() -> Environment:
    """Give the environment of the gateway."""
    return read_compose_environment("gateway", ENV_FILE)


def list_keys(environment: Environment) -> Iterator[tuple[str, str]]:
    """Return every value that might be a key, and what would be derived from it, with the name of its variable."""
    for name, value in environment.items():
        if value:
            yield name, value
            yield from ((name, derive_secret(caller, value)) for caller in CALLERS)


async def list_answered(client: httpx2.AsyncClient, environment: Environment) -> set[tuple[str, str, str]]:
    """Call each internal path with every key in the name of each service; return what was answered: key, name, path."""
    answered = set()
    for (name, key), caller, path in product(list_keys(environment), CALLERS, PATHS):
        token = ServiceTokens({caller: KeyRing(key)}).sign(caller=caller, callee="auth_service", now=int(time.time()))
        headers = {"authorization": f"Bearer {token}"}
        if path == contract.SESSION_PATH:
            answer = await client.post(path, json={"session": "", "pieces": []}, headers=headers)
        else:
            answer = await client.get(path, headers=headers)
        assert answer.status_code in {200, 401, 403}
        if answer.status_code == 200:
            answered.add((name, caller, path))
    return answered


async def list_good_for_tokens(client: httpx2.AsyncClient, environment: Environment, ada: Person) -> set[str]:
    """Sign a token of Ada's with every key; return whose are taken for hers."""
    taken = set()
    for name, key in list_keys(environment):
        token = AccessTokens(KeyRing(key), URL, 3600).sign(
            user_id=ada.id, name=ada.name, email=ada.email, session_id=ada.session_id, now=int(time.time())
        )
        answer = await client.get("/api/me", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in {200, 401}
        taken |= {name} if answer.status_code == 200 else set()
    return taken


def list_openers(environment: Environment, sealed: str) -> set[str]:
    """Return which values of an environment open a session cookie."""
    sealers = ((name, SessionSealer(key, 3600)) for name, key in list_keys(environment))
    return {name for name, sealer in sealers if sealer.open(sealed, int(time.time())) is not None}


async def list_sealers(client: httpx2.AsyncClient, environment: Environment, ada: Person) -> set[str]:
    """Seal a cookie of Ada's session with every value; return which of them the auth service opens."""
    found = set()
    for name, key in list_keys(environment):
        claims = {"sub": str(ada.id), "sid": ada.session_id, "accessToken": "any"}
        cookie = f"__Secure-next-auth.session-token={SessionSealer(key, 3600).seal(claims, int(time.time()))}"
        answer = await client.get("/api/auth/session", headers={"cookie": cookie})
        assert answer.status_code == 200
        found |= {name} if answer.json() else set()
    return found


@pytest.mark.parametrize("service", ["posts_service", "gateway"])
def test_it_is_the_whole_environment(service: str) -> None:
    """The service starts in production with what the thief has, and nothing in it is another service's secret."""
    environment = read_compose_environment(service, ENV_FILE)
    settings = {"posts_service": PostsSettings, "gateway": GatewaySettings}[service]
    assert read_settings(settings, environment).environment == "production"
    other = {"posts_service": "GATEWAY_SERVICE_SECRET", "gateway": "POSTS_SERVICE_SECRET"}[service]
    assert ENV_FILE[other] not in environment.values()


async def test_what_the_posts_service_can_call(client: httpx2.AsyncClient, of_posts: Environment) -> None:
    """With the posts service's environment one can ask what it asks, in its own name, and nothing else."""
    assert await list_answered(client, of_posts) == {
        ("POSTS_SERVICE_SECRET", "posts_service", contract.USER_CHANGES_PATH),
        ("POSTS_SERVICE_SECRET", "posts_service", contract.REVOCATIONS_PATH),
    }


async def test_what_the_gateway_can_call(client: httpx2.AsyncClient, of_gateway: Environment) -> None:
    """With the gateway's environment one can ask what it asks, in its own name, and nothing else."""
    assert await list_answered(client, of_gateway) == {
        ("GATEWAY_SERVICE_SECRET", "gateway", contract.REVOCATIONS_PATH),
        ("GATEWAY_SERVICE_SECRET", "gateway", contract.SESSION_PATH),
    }


@pytest.mark.parametrize("mode", SIGN_USERS_TOKENS)
@pytest.mark.parametrize("service", ["posts_service", "gateway"])
async def test_who_can_sign_a_users_token(client: httpx2.AsyncClient, mode: str, service: str) -> None:
    """With HS256 whoever verifies users' tokens can sign them too, by that one secret and no other."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    environment = read_compose_environment(service, ENV_FILE)
    assert await list_good_for_tokens(client, environment, ada) == SIGN_USERS_TOKENS[mode]


async def test_the_posts_service_has_no_way_to_cookies(
    client: httpx2.AsyncClient, parts: Parts, of_posts: Environment
) -> None:
    """With the posts service's environment nobody opens a session cookie, nor makes one that is opened."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    sealed = parts.sealer.seal({"sub": str(ada.id), "sid": ada.session_id, "accessToken": ada.token}, int(time.time()))
    assert list_openers(of_posts, sealed) == set()
    assert await list_sealers(client, of_posts, ada) == set()


async def test_the_gateway_opens_cookies(client: httpx2.AsyncClient, parts: Parts, of_gateway: Environment) -> None:
    """The gateway's environment opens cookies, and makes them for a session whose id is known, while that is live."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    sealed = parts.sealer.seal({"sub": str(ada.id), "sid": ada.session_id, "accessToken": ada.token}, int(time.time()))
    assert list_openers(of_gateway, sealed) == {"NEXTAUTH_SECRET"}
    assert await list_sealers(client, of_gateway, ada) == {"NEXTAUTH_SECRET"}
    assert (await client.post("/api/logout", headers=ada.bearer)).status_code in {200, 204}
    assert await list_sealers(client, of_gateway, ada) == set()


async def test_one_secret_for_all_is_worth_all_callers(auth_database_url: str, database: object) -> None:
    """With one ``SERVICE_SECRET`` the environment of one service calls in the name of all, as SECURITY.md says."""
    del database  # emptied before
    env_file = {name: value for name, value in ENV_FILE.items() if not name.endswith("_SERVICE_SECRET")}
    env_file["SERVICE_SECRET"] = "one-secret-for-all-services-0123456789"
    environment = read_compose_environment("auth_service", env_file)
    settings = read_settings(AuthSettings, environment, auth_database_url=auth_database_url)
    assert isinstance(settings, AuthSettings)
    async with running(create_app(settings, Metrics())) as app, client_of(app, URL) as client:
        await app.state.parts.database.wait_until_ready()
        answered = await list_answered(client, read_compose_environment("posts_service", env_file))
    assert {(caller, path) for _, caller, path in answered} == {
        *(("gateway", path) for path in contract.OF_GATEWAY),
        *(("posts_service", path) for path in contract.OF_RESOURCE_SERVERS),
    }
