"""Front ends in Next.js, built and started as their users do, each ahead of a stack started for it.

``examples/nextjs`` has next-auth 4; ``tests/next_auth/application`` has next-auth 5 in everything that it can stand in.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.tokens.protocol import Version
from tests.support import next_auth_package
from tests.support.next_auth_package import name_settings
from tests.support.node import install_packages
from tests.support.running_stack import ROOT, StackUrls, started_stack

BUILD_DEADLINE = 300  # seconds
START_DEADLINE = 30


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """A front end: where it and its packages are, how it is built there, and which next-auth it has."""

    folder: Path
    packages: Path
    build: Sequence[str]
    version: Version


EXAMPLE_FOLDER = ROOT / "examples" / "nextjs"
EXAMPLE = FrontEnd(EXAMPLE_FOLDER, EXAMPLE_FOLDER, ("npm", "run", "build"), "4")
APPLICATION_5 = FrontEnd(
    next_auth_package.FOLDER / "application",
    next_auth_package.FOLDER,
    (f"{next_auth_package.FOLDER}/node_modules/.bin/next", "build"),
    "5",
)


@contextlib.contextmanager
def running_front_end(front_end: FrontEnd) -> Iterator[tuple[str, StackUrls]]:
    """Give the front end's URL, which is the public one, and the stack's behind it."""
    install_packages(front_end.packages)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        url = f"http://localhost:{port}"
        with started_stack({"NEXTAUTH_URL": url, "NEXTAUTH_PROTOCOL": front_end.version}) as stack:
            settings = {**name_settings(url), "GATEWAY_URL": stack.gateway, "NEXT_TELEMETRY_DISABLED": "1"}
            _build(front_end, settings)
            reserved.close()
            with _started(front_end, port, settings):
                yield url, stack


def _build(front_end: FrontEnd, settings: Mapping[str, str]) -> None:
    done = subprocess.run(
        front_end.build,
        cwd=front_end.folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _started(front_end: FrontEnd, port: int, settings: Mapping[str, str]) -> Iterator[None]:
    command = [f"{front_end.packages}/node_modules/.bin/next", "start", "--port", str(port), "--hostname", "127.0.0.1"]
    process = subprocess.Popen(
        command,
        cwd=front_end.folder,
        env={**os.environ, **settings},
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
