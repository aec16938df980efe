"""The stack that integration tests talk to: one that runs already, or one started for them.

The tests are many people at one address, some of whom mistype passwords: the limits per address are raised.

``GATEPOST_URL`` names a running gateway, ``GATEPOST_POSTS_URL`` and ``GATEPOST_POSTS_METRICS_URL`` its posts service
where that can be reached. Without them the stack is started on free ports, with data of its own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.log_lines import find_secrets

ROOT = Path(__file__).parents[2]
START_DEADLINE = 180  # seconds
MANY_AT_ONE_ADDRESS = {
    **dict.fromkeys(("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS"), "1000000"),
    **dict.fromkeys(("SIGN_IN_FAILURES_IN_A_ROW", "SIGN_UPS_PER_HOUR", "CLIENT_LOGS_PER_MINUTE"), "1000000"),
    **dict.fromkeys(("TOKEN_REFRESHES_PER_HOUR", "RENAMES_PER_HOUR"), "1000000"),
}


@dataclass(frozen=True, slots=True)
class StackUrls:
    """Base URLs: all that an integration test knows; and where its data is, if it was started for the test."""

    gateway: str
    auth: str
    posts: str
    posts_metrics: str
    data: Path | None = None


class SecretLogged(Exception):
    """What must not be in any log, and was; raised when the stack is stopped, after all tests."""


@contextlib.contextmanager
def running_stack(settings: Mapping[str, str] | None = None) -> Iterator[StackUrls]:
    """Give the URLs of the stack that the environment names, or of one started on fresh data with these settings."""
    if "GATEPOST_URL" in os.environ:
        yield StackUrls(
            gateway=os.environ["GATEPOST_URL"],
            auth=os.environ["GATEPOST_AUTH_URL"],
            posts=os.environ["GATEPOST_POSTS_URL"],
            posts_metrics=os.environ["GATEPOST_POSTS_METRICS_URL"],
        )
    else:
        with started_stack(settings or {}) as urls:
            yield urls


@contextlib.contextmanager
def started_stack(settings: Mapping[str, str], tree: Path = ROOT) -> Iterator[StackUrls]:
    """Give the URLs of a stack on free ports and fresh data, with these settings beside its own, or of another tree."""
    # Not pytest's own directory: it closes that to all other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="gatepost-") as data, _started(Path(data), settings, tree) as urls:
        yield urls


@contextlib.contextmanager
def running_project(tree: Path, settings: Mapping[str, str]) -> Iterator[StackUrls]:
    """Give the URLs of the stack of another tree, with the data where ``make run`` there keeps it."""
    data = tree / ".data"
    data.mkdir(exist_ok=True)
    (data / "stack.json").unlink(missing_ok=True)  # of an earlier run
    with _started(data, settings, tree) as urls:
        yield urls


@contextlib.contextmanager
def _started(data: Path, settings: Mapping[str, str], tree: Path) -> Iterator[StackUrls]:
    description = data / "stack.json"
    command = [sys.executable, "-m", "stack", "--port", "0", "--data", str(data), "--describe", str(description)]
    environment = {**MANY_AT_ONE_ADDRESS, **os.environ, **settings}
    with (data / "stack.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tree, env=environment, stdout=log, stderr=log)
        try:
            yield _wait_for(description, process, data / "stack.log")
        finally:
            _stop(process)
    leaked = find_secrets((data / "stack.log").read_text(errors="replace"))
    if leaked:
        raise SecretLogged("; ".join(leaked))


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a stack as with Ctrl-C; kill one that does not end within half a minute, and say so."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _wait_for(description: Path, process: "subprocess.Popen[bytes]", log: Path) -> StackUrls:
    deadline = time.monotonic() + START_DEADLINE
    while not description.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the stack did not start:\n{log.read_text()}")
        time.sleep(0.05)
    found = json.loads(description.read_text())
    return StackUrls(
        gateway=found["gateway"],
        auth=found["auth_service"],
        posts=found["posts_service"],
        posts_metrics=found["metrics"]["posts_service"],
        data=description.parent,
    )
