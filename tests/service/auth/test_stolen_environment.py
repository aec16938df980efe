"""Somebody has a service's whole environment, as its container has it in production: what that is worth.

The thief tries every value in it for every purpose: as a key, as a secret from which keys are derived, as the name of a
file with a key, and in the name of each service. All that is public, the thief has as well.
"""

import functools
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import product
from pathlib import Path

import httpx2
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.operators.secret_keys import make_secrets
from auth_service.parts import Parts
from auth_service.settings import AuthSettings
from gateway.settings import GatewaySettings
from posts_service.settings import PostsSettings
from shared.auth_events import contract
from shared.observing.metrics import Metrics
from shared.settings import Settings, load_settings, reveal
from shared.tokens.device_cookie import DeviceCookies, LastSignIn, device_cookie_name
from shared.tokens.keys import PublishedKeys
from shared.tokens.service_keys import derive_secret
from shared.tokens.service_settings import list_callers
from shared.tokens.session_cookie import SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing, ServiceTokens, TokenRefused
from shared.verifier_settings import VerifierSettings
from stack.services import SETTING_NAMES
from tests.support.compose_environment import read_container_environment
from tests.support.forged_tokens import forge, read_claims, read_header
from tests.support.house import ROOT
from tests.support.people import Person, sign_up_and_in
from tests.support.services import client_of, running, signing_settings
from tests.support.signers import kid_of, pair_up, signer_of, write_public

URL = "https://gate.example"
DEVICE = device_cookie_name(secure=True)
SECRETS = {
    **{name: str(value) for name, value in make_secrets().items()},
    "ENVIRONMENT": "production",
    "NEXTAUTH_URL": URL,
    "AUTH_DATABASE_URL": "postgresql://auth:of-auth@postgres/auth",
    "POSTS_DATABASE_URL": "postgresql://posts:of-posts@postgres/posts",
}
PAIR = {"TOKEN_KEY_FILE": signing_settings(signer_of("ES256"))["token_key_file"]}
ENV_FILES = {
    "a secret": SECRETS,
    "a key pair": {**SECRETS, "SECRET_KEY": "", **PAIR},
    "a key pair beside a secret": {**SECRETS, **PAIR, "PUBLISHED_KEYS": "on"},
}
"""The operator's ``.env``, by what signs users' tokens there."""

SIGN_USERS_TOKENS = {
    "a secret": {"SECRET_KEY"},
    "a key pair": {"TOKEN_KEY_FILE"},
    "a key pair beside a secret": {"SECRET_KEY", "TOKEN_KEY_FILE"},
}
"""What in the auth service's environment signs users' tokens. Elsewhere there is nothing of it but ``SECRET_KEY``."""

CALLERS = ("gateway", "posts_service", "auth_service")
QUESTIONS: Mapping[str, object] = {
    contract.USER_CHANGES_PATH: None,
    contract.REVOCATIONS_PATH: None,
    contract.SESSION_PATH: {"session": "", "pieces": []},
    contract.COMPARISON_PATH: {"nonce": "0" * 32, "hashes": {}},
}
"""What each internal path is asked by: a body to POST, or None for a GET."""

Environment = Mapping[str, str]

VERIFIERS: Mapping[str, type[VerifierSettings]] = {"posts_service": PostsSettings, "gateway": GatewaySettings}


def read_settings(settings_type: type[Settings], environment: Environment) -> Settings:
    """Return a service's settings as it reads them in its container."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SETTING_NAMES:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        return load_settings(settings_type)


@pytest.fixture(scope="module", params=ENV_FILES)
def mode(request: pytest.FixtureRequest) -> str:
    """Give what signs users' tokens."""
    return str(request.param)


@pytest.fixture(scope="module")
def env_file(mode: str) -> Environment:
    """Give the operator's ``.env``."""
    return ENV_FILES[mode]


def read_auth_settings(env_file: Environment, database_url: str) -> AuthSettings:
    """Return the settings of the auth service in its container, with another database."""
    environment = read_container_environment("auth_service", {**env_file, "AUTH_DATABASE_URL": database_url})
    settings = read_settings(AuthSettings, environment)
    assert isinstance(settings, AuthSettings)
    return settings


@pytest.fixture(scope="module")
def settings(env_file: Environment, auth_database_url: str) -> AuthSettings:
    """Give the auth service's settings."""
    return read_auth_settings(env_file, auth_database_url)


@pytest.fixture(scope="module")
async def app(settings: AuthSettings) -> AsyncIterator[Starlette]:
    """Give the auth service with its own environment."""
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
def of_posts(env_file: Environment) -> Environment:
    """Give the environment of the posts service."""
    return read_container_environment("posts_service", env_file)


@pytest.fixture
def of_gateway(env_file: Environment) -> Environment:
    """Give the environment of the gateway."""
    return read_container_environment("gateway", env_file)


def list_keys(environment: Environment) -> Iterator[tuple[str, str]]:
    """Return every value that might be a key, and what would be derived from it, with the name of its variable."""
    for name, value in environment.items():
        if value:
            yield name, value
            yield from ((name, derive_secret(caller, value)) for caller in CALLERS)


def list_service_tokens(key: str, caller: str, settings: AuthSettings) -> Iterator[str]:
    """Return tokens of a caller that a key signs: under the key's own name, and under those of the right keys."""
    token = ServiceTokens({caller: KeyRing(key)}).sign(caller=caller, callee="auth_service", now=int(time.time()))
    yield token
    for each in list_callers(AuthSettings):
        right = settings.build_keys(each).signing_key
        assert right is not None
        yield forge(read_claims(token), {**read_header(token), "kid": right.kid}, key)


async def list_answered(
    client: httpx2.AsyncClient, environment: Environment, settings: AuthSettings
) -> set[tuple[str, str, str]]:
    """Call internal paths with every key in the name of each service; return what was answered: key, name, path.

    With what is in the operator's ``.env`` each path is called; with what is no secret anyway, one that is drawn.
    """
    answered, chance = set(), random.Random(17)  # noqa: S311 - no secret
    tokens = (
        (name, caller, path, token)
        for (name, key), caller in product(list_keys(environment), CALLERS)
        for path in (QUESTIONS if name in SECRETS or "SECRET" in name else [chance.choice([*QUESTIONS])])
        for token in list_service_tokens(key, caller, settings)
    )
    for name, caller, path, token in tokens:
        headers = {"authorization": f"Bearer {token}"}
        question = QUESTIONS[path]
        answer = await client.request("POST" if question else "GET", path, json=question, headers=headers)
        assert answer.status_code in {200, 401, 403}
        if answer.status_code == 200:
            answered.add((name, caller, path))
    return answered


def list_forgeries(environment: Environment, token: str) -> Iterator[tuple[str, str]]:
    """Return a token with the claims of another for every way to sign one by an environment, and by what is public."""
    claims, header = read_claims(token), read_header(token)
    for name, key in [*list_keys(environment), *list_public()]:
        yield name, forge(claims, {**header, "alg": "HS256", "kid": kid_of(key)}, key)
        for alg in {"HS256", header["alg"]}:
            yield name, forge(claims, {**header, "alg": alg}, key)
    for name, value in environment.items():
        if Path(value).is_file():
            key_pair = load_pem_private_key(Path(value).read_bytes(), None)
            signer = pair_up(key_pair)  # type: ignore[arg-type] # for P-256
            yield from ((name, forge(claims, each, by=signer)) for each in (signer.header, header))


def list_public() -> Iterator[tuple[str, str]]:
    """Return the forms of the public key that might be taken for a secret."""
    key = signer_of("ES256").key
    assert key is not None
    yield from (("public", text) for text in (write_public(key).decode(), signer_of("ES256").kid))
    yield "public", write_public(key, Encoding.DER).decode("latin-1")


async def list_good_for_tokens(
    client: httpx2.AsyncClient, environment: Environment, ada: Person, verifiers: list[AccessTokens]
) -> set[str]:
    """Sign a token of Ada's in every way; return by what one was signed that the auth service or a verifier takes."""
    taken = set()
    for name, token in list_forgeries(environment, ada.token):
        answer = await client.get("/api/me", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in {200, 401}
        if answer.status_code == 200 or any(is_taken(verifier, token) for verifier in verifiers):
            taken.add(name)
    return taken


def is_taken(verifier: AccessTokens, token: str) -> bool:
    """Tell whether a verifier takes a token."""
    try:
        verifier.verify(token, int(time.time()))
    except TokenRefused:
        return False
    return True


def list_openers(environment: Environment, sealed: str) -> set[str]:
    """Return which values of an environment open a session cookie."""
    sealers = ((name, SessionSealer(key, 3600)) for name, key in list_keys(environment))
    return {name for name, sealer in sealers if sealer.open(sealed, int(time.time())) is not None}


async def list_sealers(client: httpx2.AsyncClient, environment: Environment, ada: Person) -> set[str]:
    """Make the cookies of Ada's session with every value; return which of them the auth service takes."""
    found, now = set(), int(time.time())
    claims = {"sub": str(ada.id), "sid": ada.session_id, "accessToken": "any"}
    for name, key in list_keys(environment):
        session = f"__Secure-next-auth.session-token={SessionSealer(key, 3600).seal(claims, now)}"
        device = f"{DEVICE}={DeviceCookies(key).make(LastSignIn(ada.id, ada.session_id), now)}"
        for cookies in (session, device, f"{session}; {device}"):
            answer = await client.get("/api/auth/session", headers={"cookie": cookies})
            assert answer.status_code == 200
            found |= {name} if answer.json() else set()
    return found


def list_device_makers(parts: Parts, environment: Environment, ada: Person) -> set[str]:
    """Return which values of an environment make a device cookie of Ada's, by which a browser is no stranger."""
    sign_in, now = LastSignIn(ada.id, ada.session_id), int(time.time())
    made = ((name, DeviceCookies(key).make(sign_in, now)) for name, key in list_keys(environment))
    return {name for name, cookie in made if parts.devices.find_last_sign_in(cookie, now) == sign_in}


@pytest.fixture
def verifiers(parts: Parts, env_file: Environment) -> dict[str, AccessTokens]:
    """Give what verifies users' tokens in the services that sign none, by the keys that the auth service publishes."""
    found = {}
    for service, settings_type in VERIFIERS.items():
        settings = read_settings(settings_type, read_container_environment(service, env_file))
        assert isinstance(settings, VerifierSettings)
        keys = PublishedKeys(KeyRing(settings.shared_key, reveal(settings.secret_key_previous)))
        if settings.follows_keys:
            keys.replace(parts.keys.published)
        found[service] = AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl)
    return found


@pytest.mark.parametrize("service", VERIFIERS)
def test_it_is_the_whole_environment(env_file: Environment, service: str) -> None:
    """The service starts in production with what the thief has, and nothing in it is another service's secret."""
    environment = read_container_environment(service, env_file)
    assert read_settings(VERIFIERS[service], environment).environment == "production"
    other = {"posts_service": "GATEWAY_SERVICE_SECRET", "gateway": "POSTS_SERVICE_SECRET"}[service]
    assert not {env_file[other], *PAIR.values()} & {*environment.values()}


@pytest.mark.parametrize("service", VERIFIERS)
def test_no_file_is_in_its_container(service: str) -> None:
    """Beside its image and its environment the service's container holds no file, and the gateway a socket alone."""
    container = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service]
    assert not container.keys() & {"secrets", "configs", "env_file", "volumes_from"}
    assert container.get("volumes", []) == (["port:/run/port_holder"] if service == "gateway" else [])


async def test_what_the_posts_service_can_call(
    client: httpx2.AsyncClient, settings: AuthSettings, of_posts: Environment
) -> None:
    """With the posts service's environment one can ask what it asks, in its own name, and nothing else."""
    assert await list_answered(client, of_posts, settings) == {
        ("POSTS_SERVICE_SECRET", "posts_service", contract.USER_CHANGES_PATH),
        ("POSTS_SERVICE_SECRET", "posts_service", contract.REVOCATIONS_PATH),
        ("POSTS_SERVICE_SECRET", "posts_service", contract.COMPARISON_PATH),
    }


async def test_what_the_gateway_can_call(
    client: httpx2.AsyncClient, settings: AuthSettings, of_gateway: Environment
) -> None:
    """With the gateway's environment one can ask what it asks, in its own name, and nothing else."""
    assert await list_answered(client, of_gateway, settings) == {
        ("GATEWAY_SERVICE_SECRET", "gateway", contract.REVOCATIONS_PATH),
        ("GATEWAY_SERVICE_SECRET", "gateway", contract.SESSION_PATH),
        ("GATEWAY_SERVICE_SECRET", "gateway", contract.COMPARISON_PATH),
    }


async def test_who_can_sign_a_users_token(
    client: httpx2.AsyncClient, mode: str, env_file: Environment, verifiers: dict[str, AccessTokens]
) -> None:
    """By a shared secret whoever verifies users' tokens can sign them; by a key pair nobody but the auth service."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    assert all(is_taken(verifier, ada.token) for verifier in verifiers.values())
    for service in ("auth_service", *verifiers):
        environment = read_container_environment(service, env_file)
        found = await list_good_for_tokens(client, environment, ada, [*verifiers.values()])
        assert found == SIGN_USERS_TOKENS[mode] - (set() if service == "auth_service" else PAIR.keys()), service


def test_what_verifies_by_public_keys_signs_nothing(mode: str, verifiers: dict[str, AccessTokens]) -> None:
    """Where there is a key pair alone, the services that verify have nothing that could sign; with a secret they do."""
    claims = {"user_id": 1, "name": "Ada", "email": "ada@example.com", "session_id": str(uuid.uuid4())}
    for verifier in verifiers.values():
        sign = functools.partial(verifier.sign, **claims, now=int(time.time()))
        if mode == "a key pair":
            with pytest.raises(RuntimeError, match="nothing is signed here"):
                sign()
        else:
            assert all(is_taken(each, sign()) for each in verifiers.values())


async def test_the_posts_service_has_no_way_to_cookies(
    client: httpx2.AsyncClient, parts: Parts, of_posts: Environment
) -> None:
    """With the posts service's environment nobody opens a session cookie, nor makes one or a device cookie."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    sealed = parts.sealer.seal({"sub": str(ada.id), "sid": ada.session_id, "accessToken": ada.token}, int(time.time()))
    assert list_openers(of_posts, sealed) == set()
    assert await list_sealers(client, of_posts, ada) == set()
    assert list_device_makers(parts, of_posts, ada) == set()


async def test_the_gateway_opens_cookies(client: httpx2.AsyncClient, parts: Parts, of_gateway: Environment) -> None:
    """The gateway's environment opens cookies, and makes them for a session whose id is known, while that is live."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    sealed = parts.sealer.seal({"sub": str(ada.id), "sid": ada.session_id, "accessToken": ada.token}, int(time.time()))
    assert list_openers(of_gateway, sealed) == {"NEXTAUTH_SECRET"}
    assert list_device_makers(parts, of_gateway, ada) == {"NEXTAUTH_SECRET"}
    assert await list_sealers(client, of_gateway, ada) == {"NEXTAUTH_SECRET"}
    assert (await client.post("/api/logout", headers=ada.bearer)).status_code in {200, 204}
    assert await list_sealers(client, of_gateway, ada) == set()


async def test_one_secret_for_all_is_worth_all_callers(
    auth_database_url: str, database: object, env_file: Environment
) -> None:
    """With one ``SERVICE_SECRET`` the environment of one service calls in the name of all, as SECURITY.md says."""
    del database  # emptied before
    one = {name: value for name, value in env_file.items() if not name.endswith("_SERVICE_SECRET")}
    one |= {"SERVICE_SECRET": "one-secret-for-all-services-0123456789"}
    settings = read_auth_settings(one, auth_database_url)
    async with running(create_app(settings, Metrics())) as app, client_of(app, URL) as client:
        await app.state.parts.database.wait_until_ready()
        answered = await list_answered(client, read_container_environment("posts_service", one), settings)
    assert {(caller, path) for _, caller, path in answered} == {
        *(("gateway", path) for path in contract.OF_GATEWAY),
        *(("posts_service", path) for path in contract.OF_RESOURCE_SERVERS),
    }
