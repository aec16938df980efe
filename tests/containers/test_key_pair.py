"""The containers with ``deploy/key-pair.yml``: nobody but the auth service has what signs, and a new key counts.

The key pairs are made, put in place and changed by the commands of ``docs/operations.md``, in a clone. Faulty tokens
come last: some name unknown keys, for which a service asks once in 30 seconds.
"""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.containers.test_verdicts import check_faulty_tokens
from tests.support.containers import Containers, clean_project
from tests.support.operations_page import copy_project, section
from tests.support.people import PASSWORD, sign_up_and_in
from tests.support.signers import pair_up
from tests.support.waiting import wait_until

PROJECT = "gatepost-keys"
FILE = "token-keys.pem"
KEYS = "/.well-known/jwks.json"
PATIENCE = 180.0  # seconds
# What kubectl would send, printed instead: there is no cluster here.
TO_NOBODY = {"=next.pem": "=next.pem --dry-run=client -o yaml", "kubectl apply -f -": "cat"}


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Give a stack whose tokens are signed by a key pair: made as the page says, before the first start."""
    clone = copy_project(tmp_path_factory.mktemp("clone"))
    files = "docker-compose.yml:deploy/key-pair.yml"
    with clean_project(PROJECT, clone, COMPOSE_FILE=files) as containers:
        containers.compose("build", "--quiet")
        make_keys(clone, containers)
        containers.start()
        yield containers


def make_keys(clone: Path, containers: Containers) -> None:
    """Make a key pair in each way that the page knows, and put it in its place there; then make the next one."""
    with section("Access tokens by a key pair") as commands:
        commands.take("# make run").run(clone)
        commands.take("# make run").run(clone)
        assert b"PRIVATE KEY" in check_private(clone / FILE)
        make = commands.take("deploy/compose.sh run")
        make.run(clone, containers.environment())
        made = check_private(clone / "next.pem")
        assert read_secret(commands.take("# Kubernetes").run(clone, replacing=TO_NOBODY)) == made
        commands.take("# compose").run(clone)
        assert check_private(clone / "keys" / FILE) == made
        make.run(clone, containers.environment())


def check_private(file: Path) -> bytes:
    """Return what is in a file, which its owner alone may read."""
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_bytes()


def read_secret(printed: str) -> bytes:
    """Return the key file in a Secret of Kubernetes."""
    return base64.b64decode(yaml.safe_load(printed)["data"][FILE])


@pytest.fixture(scope="module")
def folder(containers: Containers) -> Path:
    """Give the folder with the key pair of the containers."""
    return containers.root / "keys"


@pytest.mark.parametrize("service", ["gateway", "posts_service", "auth_service"])
def test_no_container_has_a_shared_secret(containers: Containers, service: str) -> None:
    """No service is given a secret for access tokens, and none but the auth service sees the key pair."""
    environment = dict(line.split("=", 1) for line in containers.execute(service, "env").splitlines() if "=" in line)
    assert not environment.get("SECRET_KEY")
    assert not environment.get("SECRET_KEY_PREVIOUS")
    seen = containers.execute(service, "sh", "-c", "ls /run/keys 2>/dev/null || true").split()
    assert seen == ([FILE] if service == "auth_service" else [])


async def test_a_new_key_counts_without_a_restart(containers: Containers, folder: Path) -> None:
    """The key pair is changed as the page says: announced, used, retired; what either signed passes meanwhile."""
    clone = containers.root
    shutil.copy2(folder / FILE, clone / "old.pem")
    async with httpx2.AsyncClient(base_url=containers.url, timeout=10) as client:
        ada = await sign_up_and_in(client, "Ada Lovelace")

        async def list_published() -> list[str]:
            return [key["kid"] for key in (await client.get(KEYS)).json()["keys"]]

        (old,) = await list_published()
        with section("Changing the key pair") as commands:
            put_in_place = {name: commands.take(f"# {name}") for name in ("make run", "compose", "Kubernetes")}
            for step, is_as_wanted in (
                ("# 1.", lambda kids: kids[0] == old and len(kids) == 2),
                ("# 2.", lambda kids: kids[1:] == [old]),
                ("# 3.", lambda kids: len(kids) == 1 and kids != [old]),
            ):
                commands.take(step).run(clone)
                new = check_private(clone / "new.pem")
                assert read_secret(put_in_place["Kubernetes"].run(clone, replacing=TO_NOBODY)) == new
                put_in_place["compose"].run(clone)
                put_in_place["make run"].run(clone)
                assert check_private(folder / FILE) == check_private(clone / FILE) == new
                await wait_until(list_published, is_as_wanted, PATIENCE)
                signed_in = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
                newest = {"authorization": f"Bearer {signed_in.json()['accessToken']}"}
                for headers in (ada.bearer, newest) if step != "# 3." else (newest,):
                    written = await client.post("/api/posts", json={"title": "One"}, headers=headers)
                    assert written.status_code == 201, step


def test_every_faulty_token_is_refused_both_ways(containers: Containers, folder: Path) -> None:
    """Signed by the key pair, a token with any one fault gets 401 from the service itself and through the gateway."""
    key = load_pem_private_key((folder / FILE).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    check_faulty_tokens(containers, pair_up(key))
