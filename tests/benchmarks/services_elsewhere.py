"""External services, one in Python and one in Node, each with a credential: ``tests/sign_out/service.*``."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.processes import ROOT, START_DEADLINE, ServerFailed, get_program

PROGRAMS = ROOT / "tests" / "sign_out"
FOLLOWERS = ROOT / "docs" / "verify-elsewhere" / "sign-out"


@contextlib.contextmanager
def running_elsewhere(gateway: str, data: Path, secret_key: str) -> Iterator[Mapping[str, str]]:
    """Give the addresses of both services, by name, while they follow through the gateway of the stack on ``data``."""
    programs = {
        "service in Python": (sys.executable, "service.py"),
        "service in Node": (get_program("node"), "service.mjs"),
    }
    addresses: dict[str, str] = {}
    with contextlib.ExitStack() as running:
        for name, program in programs.items():
            port = _find_free_port()
            credential = _create_credential(data, name.replace(" ", "-").lower())
            said = {"ISSUER": gateway, "GATEPOST": gateway, "SECRET_KEY": secret_key, "CREDENTIAL": credential}
            process = subprocess.Popen(
                [*program, str(port)], cwd=PROGRAMS, env={**os.environ, **said, "PYTHONPATH": str(FOLLOWERS)}
            )
            running.callback(process.wait)
            running.callback(process.kill)
            _wait_for(port, process)
            addresses[name] = f"127.0.0.1:{port}"
        yield addresses


def _create_credential(data: Path, name: str) -> str:
    command = [sys.executable, "-m", "stack", "--data", str(data), "service", "create", name, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailed(f"there is no credential for the {name}: {done.stderr}")
    return str(json.loads(done.stdout)["credential"])


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed("an external service did not start")
        time.sleep(0.05)
