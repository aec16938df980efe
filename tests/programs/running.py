"""Starts a program, and a gateway ahead of it that knows the people of a running stack."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from shared.settings import SAMPLE_SECRETS
from tests.programs.program import SEARCHED, Place, Program
from tests.support.ports import find_free_port
from tests.support.running_stack import ROOT, StackUrls

START_DEADLINE = 60  # seconds
HEAD = """
[upstreams]
auth = { address = "${AUTH_SERVICE_URL}", authorization = "token", session_cookies = true }
program = { %s }

[[rule]]
matcher = ["/api/auth/:path*"]
access = "public"
upstream = "auth"

[[rule]]
matcher = ["/_gatepost/assets/:path*"]
access = "public"
methods = ["GET"]
upstream = "gateway"
"""


def write_rules(program: Program, *, with_words: bool) -> str:
    """Return the rules of a program as they stand in the policy."""
    lines = {"matcher": program.matcher, "access": f'"{program.access}"', "upstream": '"program"'}
    words = program.words if with_words else {}
    rule = "[[rule]]\n" + "".join(f"{name} = {value}\n" for name, value in {**lines, **words}.items())
    return f"{program.further_rules}\n{rule}" if with_words else rule


def write_policy(program: Program, port: int, *, with_words: bool) -> str:
    """Return the whole policy: signing in, and the program's rule, with its words or without."""
    told = {"address": f'"http://127.0.0.1:{port}"', **(program.upstream if with_words else {})}
    head = HEAD % ", ".join(f"{name} = {value}" for name, value in told.items())
    return f"{head}\n{write_rules(program, with_words=with_words)}"


@contextlib.asynccontextmanager
async def running(command: list[str], folder: Path, port: int, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Run a command until the end; it has started once its port is open."""
    inherited = {**os.environ, "PATH": SEARCHED, "PYTHONUNBUFFERED": "1", "HOME": str(folder)}
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**inherited, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            await _wait_until_open(process, port, folder / "log")
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def running_gateway(policy: str, place: Place, stack: StackUrls) -> AsyncIterator[None]:
    """Run a gateway with a policy at the public URL of the stack."""
    port = int(place.public_url.rpartition(":")[2])
    environment = {
        "PORT": str(port),
        "METRICS_PORT": str(find_free_port()),
        "ENVIRONMENT": "development",
        "NEXTAUTH_URL": place.public_url,
        "AUTH_SERVICE_URL": stack.auth,
        "GATEWAY_RULES": str(place.write("gateway/rules.toml", policy)),
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "DEBUG",
        **SAMPLE_SECRETS,
    }
    command = [sys.executable, "-m", "gateway"]
    async with running(command, place.folder / "gateway", port, environment):
        yield


def read_end(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(errors="replace")[-800:]


async def _wait_until_open(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        if process.returncode is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it did not start: {read_end(log)}")
        await asyncio.sleep(0.1)
