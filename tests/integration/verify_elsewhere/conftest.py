"""What the tests of external services share: a stack that signs by a key pair, and the verifiers around it.

Between them and the stack is a relay, which counts how often each key set is fetched, and can be cut.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.foreign_verifiers import (
    LIBRARIES,
    NGINX,
    Expected,
    Verifier,
    fetch_public_keys,
    running_haproxy,
    running_libraries,
)
from tests.support.key_set_relay import PATH, KeySetRelay, running_relay
from tests.support.people import Person, sign_up_and_in
from tests.support.ports import find_free_port
from tests.support.proxies import Ports, running_proxy
from tests.support.raw_upstream import RawUpstream, Received, running_upstream
from tests.support.rotating_keys import KeyFile
from tests.support.running_stack import ROOT, StackUrls, started_stack
from tests.support.signers import make_ec_key, pair_up

AUDIENCE, OTHER_AUDIENCE = "orders", "billing"
RULES = """
[[rule]]
matcher = ["/api/orders"]
access = "protected"
upstream = "gateway"
authorization = "token"

[[rule]]
matcher = ["/api/refunds"]
access = "protected"
upstream = "gateway"
authorization = "token"
role = "admin"
max_auth_age = 900
"""


@pytest.fixture(scope="package")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    """Give the key file of the stack, with one key pair."""
    return KeyFile(tmp_path_factory.mktemp("keys") / "token-key.pem", pair_up(make_ec_key(16)))


@pytest.fixture(scope="package")
def public_port() -> int:
    """Give the port of nginx, which is the public one."""
    return find_free_port()


@pytest.fixture(scope="package")
def stack(key_file: KeyFile, public_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give a stack that signs by the key pair, for Gatepost and for orders."""
    rules = tmp_path_factory.mktemp("policy") / "rules.toml"
    rules.write_text((ROOT / "gateway" / "rules.toml").read_text() + RULES)
    settings = {
        "NEXTAUTH_URL": f"http://localhost:{public_port}",
        "TRUSTED_PROXIES": "127.0.0.1",
        "GATEWAY_RULES": str(rules),
        "TOKEN_KEY_FILE": str(key_file.path),
        "AUDIENCES": AUDIENCE,
    }
    with started_stack(settings) as urls:
        yield urls


@pytest.fixture(scope="package")
async def relay(stack: StackUrls) -> AsyncIterator[KeySetRelay]:
    """Give the relay by which the verifiers fetch the key set."""
    async with running_relay(stack.gateway) as relay:
        yield relay


@pytest.fixture(scope="package")
async def application() -> AsyncIterator[RawUpstream]:
    """Give the application behind the proxies, which answers whatever reaches it."""
    async with running_upstream(_answer) as upstream:
        yield upstream


@pytest.fixture(scope="package")
def libraries(relay: KeySetRelay, public_port: int) -> Iterator[list[Verifier]]:
    """Give the services that verify by a library; the last has another audience."""
    issuer = f"http://localhost:{public_port}"
    told = [(name, Expected(issuer, AUDIENCE, relay.url_for(name))) for name in LIBRARIES]
    other = (LIBRARIES[-1], Expected(issuer, OTHER_AUDIENCE, relay.url_for(OTHER_AUDIENCE)))
    with running_libraries([*told, other]) as started:
        yield started


@pytest.fixture(scope="package")
def public_keys(stack: StackUrls, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give HAProxy's folder of public keys."""
    folder = tmp_path_factory.mktemp("public-keys")
    fetch_public_keys(folder, f"{stack.gateway}{PATH}")
    return folder


@pytest.fixture(scope="package")
def haproxy(public_port: int, public_keys: Path, application: RawUpstream) -> Iterator[Verifier]:
    """Give HAProxy with the public key."""
    expected = Expected(f"http://localhost:{public_port}", AUDIENCE)
    with running_haproxy(expected, f"127.0.0.1:{application.port}", public_keys) as verifier:
        yield verifier


@pytest.fixture(scope="package")
def nginx(stack: StackUrls, public_port: int, application: RawUpstream) -> Iterator[Verifier]:
    """Give nginx, which asks the gateway."""
    gateway = int(stack.gateway.rpartition(":")[2])
    with running_proxy("nginx", Ports(public_port, gateway, application.port)) as proxy:
        yield Verifier(NGINX, f"{proxy.url}/api/orders", f"{proxy.url}/api/refunds")


@pytest.fixture(scope="package")
def verifiers(libraries: list[Verifier], haproxy: Verifier, nginx: Verifier) -> list[Verifier]:
    """Give all that take tokens for orders."""
    return [*libraries[:-1], haproxy, nginx]


@pytest.fixture(scope="module")
async def ada(stack: StackUrls) -> Person:
    """Give somebody who signed up, with a token by the key that signs now."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10) as client:
        return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client for all of them."""
    async with httpx2.AsyncClient(timeout=20) as client:
        yield client


async def _answer(request: Received) -> None:
    await request.read_body()
    await request.answer(b"{}", headers="Content-Type: application/json\r\n")
