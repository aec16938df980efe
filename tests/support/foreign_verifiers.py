"""External services that verify our tokens: the files of ``docs/verify-elsewhere``, run as they are.

Each is told issuer, audience and key set by its environment. Their packages are those of ``tests/verify_elsewhere``.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.node import install_packages
from tests.support.ports import find_free_port, wait_until_it_listens
from tests.support.running_stack import ROOT

FILES = ROOT / "docs" / "verify-elsewhere"
PACKAGES = ROOT / "tests" / "verify_elsewhere"
UVICORN = PACKAGES / ".venv" / "bin" / "uvicorn"
KEPT = 2.0  # seconds for which a key set is kept here
STOP_DEADLINE = 10

PYTHON = {"FastAPI": "fastapi_pyjwt:app", "Django": "django_pyjwt:application"}
NODE = {"Fastify": "fastify_jwt.mjs", "Express": "express_jwt.mjs", "jose": "node_jose.mjs"}
HAPROXY, NGINX = "HAProxy", "nginx"
LIBRARIES = (*PYTHON, *NODE)  # those that fetch the key set


@dataclass(frozen=True, slots=True)
class Verifier:
    """A verifier that runs: where it answers whoever is signed in, and admins who have just proved who they are."""

    name: str
    orders: str
    refunds: str
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def reload(self) -> None:
        """Let HAProxy read its files anew."""
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a verifier is told."""

    issuer: str
    audience: str
    jwks_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return it as the files read it."""
        told = {"ISSUER": self.issuer, "AUDIENCE": self.audience}
        return {**told, "JWKS_URL": self.jwks_url, "JWKS_SECONDS": str(KEPT)}


@contextlib.contextmanager
def running_libraries(expected: Sequence[tuple[str, Expected]]) -> Iterator[list[Verifier]]:
    """Give the verifiers of these names, started side by side, each with what it is told."""
    if not UVICORN.exists():
        pytest.skip(f"`make {PACKAGES.relative_to(ROOT)}/.venv/ready` has not been run")
    install_packages(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="verifiers-") as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        for file in FILES.glob("*.*"):
            shutil.copy(file, folder)
        # Where node looks for what a program imports.
        (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
        started = [stack.enter_context(_started(name, told, folder)) for name, told in expected]
        for verifier in started:
            _wait_for(verifier, folder)
        yield started


@contextlib.contextmanager
def running_haproxy(expected: Expected, application: str, keys: Path) -> Iterator[Verifier]:
    """Give HAProxy ahead of an application (host and port), with the public keys of a folder."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        pytest.skip("haproxy is not installed")
    environment = {**expected.environment, "APPLICATION": application, "KEYS": str(keys)}
    command = [program, "-W", "-f", str(FILES / "haproxy.cfg")]
    with (
        tempfile.TemporaryDirectory(prefix="verifiers-") as made,
        _running(HAPROXY, command, environment, Path(made)) as verifier,
    ):
        _wait_for(verifier, Path(made))
        yield verifier


async def ask(client: httpx2.AsyncClient, url: str, token: str) -> int:
    """Return the status of the answer to a request with this token."""
    return (await client.get(url, headers={"Authorization": f"Bearer {token}"})).status_code


def fetch_public_keys(folder: Path, jwks_url: str) -> None:
    """Put the public keys that count into HAProxy's folder."""
    environment = {**os.environ, "JWKS_URL": jwks_url, "KEYS": str(folder)}
    subprocess.run([sys.executable, FILES / "haproxy_keys.py"], env=environment, check=True, timeout=30)


@contextlib.contextmanager
def _started(name: str, expected: Expected, folder: Path) -> Iterator[Verifier]:
    command = ["node", NODE[name]] if name in NODE else [str(UVICORN), PYTHON[name], "--no-access-log"]
    with _running(name, command, expected.environment, folder) as verifier:
        yield verifier


@contextlib.contextmanager
def _running(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Verifier]:
    port = find_free_port()
    ours = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    # uvicorn reads UVICORN_PORT, the others PORT.
    all_of_it = {**ours, **environment, "PORT": str(port), "UVICORN_PORT": str(port)}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=all_of_it, stdout=log, stderr=log)
    try:
        yield Verifier(name, f"http://127.0.0.1:{port}/orders", f"http://127.0.0.1:{port}/refunds", process)
    finally:
        process.terminate()
        process.wait(STOP_DEADLINE)


def _wait_for(verifier: Verifier, folder: Path) -> None:
    port = urlsplit(verifier.orders).port
    assert verifier.process is not None
    assert port is not None
    wait_until_it_listens(verifier.process, port, folder / f"{verifier.name}.log")
