"""The example ``examples/orders-fastapi``: started as its README says, behind the gateway of a stack started for it."""

import contextlib
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.settings import SAMPLE_SECRETS
from tests.support.ports import find_free_port
from tests.support.running_stack import ROOT, StackUrls, started_stack

FOLDER = ROOT / "examples" / "orders-fastapi"
UVICORN = FOLDER / ".venv" / "bin" / "uvicorn"
START_DEADLINE = 120  # seconds
ADDRESS = "http://127.0.0.1:8003"


@dataclass(frozen=True, slots=True)
class Orders:
    """The service's own URL, and the stack ahead of it."""

    url: str
    stack: StackUrls


@contextlib.contextmanager
def running_orders(directory: Path) -> Iterator[Orders]:
    """Give the service, with its database in ``directory``; skip where ``make`` has not installed its libraries."""
    if not UVICORN.exists():
        pytest.skip(f"`make {FOLDER.relative_to(ROOT)}/.venv/ready` has not been run")
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    rules = directory / "rules.toml"
    rules.write_text(add_to_policy(url))
    with started_stack({"GATEWAY_RULES": str(rules)}) as stack, _started(port, stack.gateway, directory):
        yield Orders(url, stack)


def add_to_policy(url: str) -> str:
    """Return the policy that ships with what the README adds to it, for the service at this URL."""
    upstream, rule = re.findall(r"^```toml\n(.*?)^```", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert ADDRESS in upstream
    text = (ROOT / "gateway" / "rules.toml").read_text()
    return text.replace("[upstreams]\n", f"[upstreams]\n{upstream.replace(ADDRESS, url)}") + rule


@contextlib.contextmanager
def _started(port: int, public_url: str, directory: Path) -> Iterator[None]:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SAMPLE_SECRETS["SECRET_KEY"],
        "NEXTAUTH_URL": public_url,
        "DATABASE_URL": f"sqlite:///{directory}/orders.db",
    }
    command = [UVICORN, "app:app", "--port", str(port)]
    with (directory / "orders.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=FOLDER, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz", process, directory / "orders.log")
            yield
        finally:
            process.terminate()
            process.wait(timeout=START_DEADLINE)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
