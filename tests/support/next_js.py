"""The example front end, ``examples/nextjs``: built and started as its users do, ahead of a stack started for it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping

from shared.settings import SAMPLE_SECRETS
from tests.support.node import install_packages
from tests.support.running_stack import ROOT, StackUrls, started_stack

FOLDER = ROOT / "examples" / "nextjs"
BUILD_DEADLINE = 180  # seconds
START_DEADLINE = 30


@contextlib.contextmanager
def running_front_end() -> Iterator[tuple[str, StackUrls]]:
    """Give the front end's URL, which is the public one, and the stack's behind it."""
    install_packages(FOLDER)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        url = f"http://localhost:{port}"
        with started_stack({"NEXTAUTH_URL": url}) as stack:
            settings = {
                "NEXTAUTH_URL": url,
                "NEXTAUTH_SECRET": SAMPLE_SECRETS["NEXTAUTH_SECRET"],
                "GATEWAY_URL": stack.gateway,
                "NEXT_TELEMETRY_DISABLED": "1",
            }
            _build(settings)
            reserved.close()
            with _started(port, settings):
                yield url, stack


def _build(settings: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["npm", "run", "build"],
        cwd=FOLDER,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _started(port: int, settings: Mapping[str, str]) -> Iterator[None]:
    command = ["node_modules/.bin/next", "start", "--port", str(port), "--hostname", "127.0.0.1"]
    process = subprocess.Popen(
        command, cwd=FOLDER, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, start_new_session=True
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
