"""The typed client of ``examples/client``: its types are the description's, it compiles strictly, and it works."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from deploy.api_description import describe_api
from tests.support.node import install_packages
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import ROOT, StackUrls

FOLDER = ROOT / "examples" / "client"
DEADLINE = 120  # seconds


@pytest.fixture(scope="module")
def client_folder() -> Path:
    """Give the client's folder, with its packages installed as locked, and the program built."""
    install_packages(FOLDER)
    shutil.rmtree(FOLDER / "dist", ignore_errors=True)
    built = run("npm", "run", "build")
    assert built.returncode == 0, built.stdout
    return FOLDER


def run(*command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Return what a command in the client's folder came to."""
    return subprocess.run(
        command,
        cwd=FOLDER,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


async def test_the_types_are_those_of_today(client_folder: Path, client: httpx2.AsyncClient, tmp_path: Path) -> None:
    """``src/api.ts`` is what openapi-typescript makes of a running stack's ``/openapi.json``; else: ``make client``."""
    description = tmp_path / "openapi.json"
    description.write_bytes((await client.get("/openapi.json")).content)
    made = run("npm", "run", "types", "--", str(description), "--output", str(tmp_path / "api.ts"))
    assert made.returncode == 0, made.stderr
    assert (client_folder / "src" / "api.ts").read_text() == (tmp_path / "api.ts").read_text()


async def test_make_client_needs_no_stack(client: httpx2.AsyncClient) -> None:
    """What ``make client`` reads is what a stack with the default settings answers, wherever that is."""
    answered = (await client.get("/openapi.json")).json()
    assert {**describe_api(), "servers": answered["servers"]} == answered


def test_it_compiles_strictly(client_folder: Path) -> None:
    """The client compiles with ``--strict``, and each mistake in ``src/checks.ts`` is one to the compiler."""
    options = run("npx", "--no-install", "tsc", "--showConfig")
    assert '"strict": true' in options.stdout
    assert (client_folder / "dist" / "main.js").exists()


def test_it_signs_in_reads_and_writes(client_folder: Path, stack: StackUrls, ada: Person) -> None:
    """The program in Node signs in, writes a post, and reads it back among the caller's own."""
    settings = {"GATEPOST_URL": stack.gateway, "EMAIL": ada.email, "PASSWORD": PASSWORD}
    for title, listed in (("First", "new: First\n"), ("Second", "new: Second\nold: First\n")):
        done = run("node", str(client_folder / "dist" / "main.js"), title, **settings)
        assert (done.stdout, done.stderr, done.returncode) == (listed, "", 0)


def test_a_refusal_is_told(client_folder: Path, stack: StackUrls, ada: Person) -> None:
    """With a wrong password the program ends with the service's own sentence."""
    settings = {"GATEPOST_URL": stack.gateway, "EMAIL": ada.email, "PASSWORD": "wrong"}
    done = run("node", str(client_folder / "dist" / "main.js"), **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("401: ")
