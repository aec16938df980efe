"""The containers with ``deploy/key-pair.yml``: nobody but the auth service has what signs, and a new key counts.

Faulty tokens come last: some name unknown keys, for which a service asks once in 30 seconds.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.tokens.key_pairs import make_key_pair
from tests.containers.test_verdicts import check_faulty_tokens
from tests.support.containers import Containers, running_containers
from tests.support.people import PASSWORD, sign_up_and_in
from tests.support.rotating_keys import write_keys
from tests.support.signers import pair_up
from tests.support.waiting import wait_until

PROJECT = "gatepost-keys"
FILE = "token-keys.pem"
USER = 10001  # of the images, who alone may read the file
KEYS = "/.well-known/jwks.json"
PATIENCE = 30.0  # seconds


def put_keys(folder: Path, *keys: bytes) -> None:
    """Put other keys into the file."""
    write_keys(folder / FILE, *keys, owner=USER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a key pair for the containers."""
    folder = Path(tmp_path_factory.mktemp("keys"))
    folder.chmod(0o755)
    put_keys(folder, make_key_pair().encode())
    return folder


@pytest.fixture(scope="module")
def containers(folder: Path) -> Iterator[Containers]:
    """Give a stack whose tokens are signed by the key pair."""
    files = "docker-compose.yml:deploy/key-pair.yml"
    with running_containers(PROJECT, COMPOSE_FILE=files, KEYS_FOLDER=str(folder)) as running:
        yield running


@pytest.mark.parametrize("service", ["gateway", "posts_service", "auth_service"])
def test_no_container_has_a_shared_secret(containers: Containers, service: str) -> None:
    """No service is given a secret for access tokens, and none but the auth service sees the key pair."""
    environment = dict(line.split("=", 1) for line in containers.execute(service, "env").splitlines() if "=" in line)
    assert not environment.get("SECRET_KEY")
    assert not environment.get("SECRET_KEY_PREVIOUS")
    seen = containers.execute(service, "sh", "-c", "ls /run/keys 2>/dev/null || true").split()
    assert seen == ([FILE] if service == "auth_service" else [])


async def test_a_new_key_counts_without_a_restart(containers: Containers, folder: Path) -> None:
    """People sign in and write; another file in the folder is noticed, and what it signs passes everywhere."""
    async with httpx2.AsyncClient(base_url=containers.url, timeout=10) as client:
        ada = await sign_up_and_in(client, "Ada Lovelace")
        assert (await client.post("/api/posts", json={"title": "One"}, headers=ada.bearer)).status_code == 201
        (before,) = (await client.get(KEYS)).json()["keys"]
        put_keys(folder, make_key_pair().encode(), (folder / FILE).read_bytes())

        async def list_published() -> list[object]:
            return list((await client.get(KEYS)).json()["keys"])

        keys = await wait_until(list_published, lambda published: len(published) == 2, PATIENCE)
        assert keys[1] == before
        signed_in = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
        new = {"authorization": f"Bearer {signed_in.json()['accessToken']}"}
        for headers in (ada.bearer, new):
            assert (await client.post("/api/posts", json={"title": "Two"}, headers=headers)).status_code == 201


def test_every_faulty_token_is_refused_both_ways(containers: Containers, folder: Path) -> None:
    """Signed by the key pair, a token with any one fault gets 401 from the service itself and through the gateway."""
    key = load_pem_private_key((folder / FILE).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    check_faulty_tokens(containers, pair_up(key))
