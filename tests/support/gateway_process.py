"""The gateway as a process of its own, whose standard error is a pipe that the test reads, or does not."""

import asyncio
import contextlib
import fcntl
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from tests.support.ports import find_free_port
from tests.support.running_stack import ROOT

SMALL_PIPE = 4096  # bytes, so that it is full after a few lines
START_DEADLINE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """A running gateway; ``pipe`` is the end of its standard error that can be read."""

    process: asyncio.subprocess.Process
    url: str
    metrics_url: str
    pipe: io.FileIO

    @property
    def host(self) -> str:
        """The value of Host that a browser sends."""
        return self.url.removeprefix("http://")

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self.host.partition(":")[2])

    @property
    def metrics_port(self) -> int:
        """The port of its metrics."""
        return urlsplit(self.metrics_url).port or 0

    async def read_metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        async with httpx2.AsyncClient(timeout=10) as client:
            text = (await client.get(self.metrics_url)).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    async def read_log(self) -> list[str]:
        """Return all lines until the pipe ends."""
        with open(os.dup(self.pipe.fileno()), "rb") as stream:  # noqa: PTH123, ASYNC230 - a descriptor; read in a thread
            return (await asyncio.to_thread(stream.read)).decode().splitlines()

    async def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)


@contextlib.asynccontextmanager
async def gateway_process(settings: Mapping[str, str] | None = None) -> AsyncIterator[GatewayProcess]:
    """Give a gateway that answers, with JSON lines on a pipe of ``SMALL_PIPE`` bytes; kill it at the end."""
    port, metrics_port = find_free_port(), find_free_port()
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
    ports = {"PORT": str(port), "METRICS_PORT": str(metrics_port), "NEXTAUTH_URL": f"http://localhost:{port}"}
    secrets = {name: name * 4 for name in ("SECRET_KEY", "NEXTAUTH_SECRET", "SERVICE_SECRET")}
    environment = {**os.environ, "LOG_FORMAT": "json", "ENVIRONMENT": "development", **ports, **secrets}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", cwd=ROOT, env={**environment, **(settings or {})}, stderr=writer
    )
    os.close(writer)
    pipe = io.FileIO(reader)
    running = GatewayProcess(process, f"http://localhost:{port}", f"http://localhost:{metrics_port}/metrics", pipe)
    try:
        await _wait_until_up(running)
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        pipe.close()  # once only, if the test did: the number may be another file's by now


async def _wait_until_up(running: GatewayProcess) -> None:
    async with asyncio.timeout(START_DEADLINE), httpx2.AsyncClient(timeout=30) as client:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                await client.get(running.url + "/livez")
                return
            await asyncio.sleep(0.05)
