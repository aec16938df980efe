"""How a process ends: it announces that, serves for a while, finishes what is running, and only then exits."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2

from tests.unit.shared.process.test_server import DEADLINE, LEAST, ROOT, choose_ports, wait_for_answer

PROGRAM = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from shared.web.health import health_routes
from shared.process.server import serve
from shared.settings import Settings

async def answer(request):
    await asyncio.sleep(float(request.query_params.get("seconds", 0)))
    return PlainTextResponse("served")

serve("some_service", Settings, lambda *_: Starlette(routes=[*health_routes({}), Route("/", answer)]))
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs as a process of its own."""

    url: str
    process: "subprocess.Popen[bytes]"

    def wait_until_it_drains(self) -> httpx2.Response:
        """Return the answer of ``/readyz`` once it is no longer 200."""
        deadline = time.monotonic() + DEADLINE
        while (answer := httpx2.get(f"{self.url}/readyz", trust_env=False, timeout=30)).status_code == 200:
            assert time.monotonic() < deadline
        return answer


@contextlib.contextmanager
def running_service(drain_seconds: float) -> Iterator[Service]:
    """Give a service that drains for that long when told to end."""
    port, metrics_port = choose_ports()
    environment = {**LEAST, "PORT": str(port), "METRICS_PORT": str(metrics_port)}
    environment["DRAIN_SECONDS"] = str(drain_seconds)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        service = Service(f"http://127.0.0.1:{port}", process)
        try:
            assert wait_for_answer(f"{service.url}/livez", process).status_code == 200
            yield service
        finally:
            process.kill()


def test_it_says_that_it_ends_and_serves_on() -> None:
    """After SIGTERM /readyz is 503, answers announce the close of their connection, and new connections are served."""
    with running_service(3) as service, httpx2.Client(base_url=service.url, trust_env=False, timeout=30) as client:
        assert "connection" not in client.get("/").headers
        service.process.send_signal(signal.SIGTERM)
        draining = service.wait_until_it_drains()
        kept, new = client.get("/"), httpx2.get(service.url, trust_env=False, timeout=30)
        alive = httpx2.get(f"{service.url}/livez", trust_env=False, timeout=30)
        assert service.process.wait(DEADLINE) in {0, -signal.SIGTERM}

    assert (draining.status_code, draining.json()) == (503, {"status": "not ready", "lacks": {"process": "ending"}})
    assert [(each.status_code, each.headers.get("connection")) for each in (kept, new, alive)] == [(200, "close")] * 3


def test_it_finishes_what_runs() -> None:
    """A request that began before the end of the drain is answered, however near that end was."""
    with running_service(2) as service, ThreadPoolExecutor() as pool:
        service.process.send_signal(signal.SIGTERM)
        service.wait_until_it_drains()
        answer = pool.submit(httpx2.get, f"{service.url}/?seconds=4", timeout=DEADLINE, trust_env=False)
        assert service.process.wait(DEADLINE) in {0, -signal.SIGTERM}
        assert answer.result().text == "served"


def test_a_second_signal_ends_it_at_once() -> None:
    """A second signal skips the drain."""
    with running_service(60) as service:
        service.process.send_signal(signal.SIGTERM)
        service.wait_until_it_drains()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) in {0, -signal.SIGTERM}
