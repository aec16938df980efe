"""The front end ``examples/nextjs`` with either next-auth, built and started as its users do, ahead of its own stack.

The stack has a provider, too, with which people can sign in. With next-auth 5 the front end is a copy, far from this
repository, with ``version-5`` laid over it.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.tokens.protocol import Version
from tests.support.next_auth_package import name_settings
from tests.support.node import install_packages
from tests.support.ports import find_free_port
from tests.support.providers import Running, running_provider, write_providers
from tests.support.running_stack import ROOT, StackUrls, started_stack

EXAMPLE = ROOT / "examples" / "nextjs"
DIFFERENCES = "version-5"
MADE_THERE = ("node_modules", ".next", ".env*", "*.tsbuildinfo", "next-env.d.ts")
PROVIDER = "ours"

BUILD_DEADLINE = 900  # seconds
START_DEADLINE = 120


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """A front end that runs at the public URL, and what is behind it."""

    version: Version
    url: str
    stack: StackUrls
    provider: Running


@contextlib.contextmanager
def running_front_end(version: Version) -> Iterator[FrontEnd]:
    """Give the front end with next-auth of that version."""
    with _folder_with(version) as folder, tempfile.TemporaryDirectory() as ours:
        install_packages(folder)
        port = find_free_port()
        url = f"http://localhost:{port}"
        with _running_behind(url, version, Path(ours)) as (stack, provider):
            settings = {**name_settings(url), "GATEWAY_URL": stack.gateway}
            environment = {**os.environ, **_pick(folder, settings), "NEXT_TELEMETRY_DISABLED": "1"}
            _build(folder, environment)
            with _started(folder, port, environment):
                yield FrontEnd(version, url, stack, provider)


@contextlib.contextmanager
def _folder_with(version: Version) -> Iterator[Path]:
    """Give the folder to build in."""
    if version == "4":
        yield EXAMPLE
        return
    with tempfile.TemporaryDirectory(prefix="gatepost-nextjs-") as copy:
        ignored = shutil.ignore_patterns(*MADE_THERE, DIFFERENCES)
        shutil.copytree(EXAMPLE, copy, ignore=ignored, dirs_exist_ok=True)
        shutil.copytree(EXAMPLE / DIFFERENCES, copy, dirs_exist_ok=True)
        yield Path(copy)


@contextlib.contextmanager
def _running_behind(url: str, version: Version, folder: Path) -> Iterator[tuple[StackUrls, Running]]:
    """Give the stack that has this public URL, and the provider."""
    port = find_free_port()
    table = f'id = "{PROVIDER}"\nname = "Example"\nissuer = "http://127.0.0.1:{port}"'
    file = write_providers(folder, table)
    settings = {"NEXTAUTH_URL": url, "NEXTAUTH_PROTOCOL": version, "PROVIDERS_FILE": str(file)}
    back = f"{url}/api/auth/callback/{PROVIDER}"
    with (
        started_stack(settings) as stack,
        running_provider(PROVIDER, port=port, REDIRECT_URIS=back) as provider,
    ):
        yield stack, provider


def _pick(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the example says it needs, and no others."""
    names = re.findall(r"^([A-Z_]+)=", (folder / ".env.example").read_text(), re.MULTILINE)
    return {name: settings[name] for name in names}


def _build(folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["npm", "run", "build"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _started(folder: Path, port: int, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        ["node_modules/.bin/next", "start", "--port", str(port), "--hostname", "127.0.0.1"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/", process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
