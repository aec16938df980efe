"""How a service is run: uvicorn's settings, a start that fails with one line, and a whole life from start to end."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from shared.process.server import build_config
from tests.support.ports import find_free_port

ROOT = Path(__file__).parents[4]
PROGRAM = """
from starlette.applications import Starlette
from shared.process.server import serve
from shared.settings import Settings
serve("some_service", Settings, lambda settings, metrics: Starlette())
"""
SECRET = "a-key-of-our-own-0123456789abcdefgh-01"
LEAST = {"SECRET_KEY": SECRET, "NEXTAUTH_URL": "https://example.com"}
DEADLINE = 60  # seconds, for a busy machine


def choose_ports() -> tuple[int, int]:
    """Return two ports that are free."""
    return find_free_port(), find_free_port()


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"NEXTAUTH_URL": "https://a.example"}, "PORT: is missing; METRICS_PORT: is missing"),
        ({**LEAST, "SECRET_KEYS": SECRET, "PORT": "1", "METRICS_PORT": "2"}, "unknown setting SECRET_KEYS"),
        (
            {**LEAST, "SECRET_KEY": SECRET[:31], "PORT": "1", "METRICS_PORT": "2"},
            "SECRET_KEY: must be at least 32 bytes in production",
        ),
        (
            {"SECRET_KEY_FILE": "/nowhere", "PORT": "1", "METRICS_PORT": "2"},
            "SECRET_KEY_FILE names a file that can't be read: No such file or directory",
        ),
    ],
)
def test_bad_settings(environment: dict[str, str], line: str) -> None:
    """Bad settings end the process with code 2 and one line that names them and shows no secret."""
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"some_service does not start: {line}\n"


def test_taken_metrics_port() -> None:
    """A metrics port that is taken ends the process with one line as well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**LEAST, "PORT": "1", "METRICS_PORT": port},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    assert ended.returncode == 2
    said = f"some_service does not start: METRICS_PORT {port} can't be listened on: Address already in use\n"
    assert ended.stderr == said


def test_life_of_a_process() -> None:
    """A service answers on its port, has metrics on another, reveals nothing about itself, and ends when told to."""
    port, metrics_port = choose_ports()
    environment = {**LEAST, "PORT": str(port), "METRICS_PORT": str(metrics_port)}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            answer = wait_for_answer(f"http://127.0.0.1:{port}/nothing", process)
            assert answer.status_code == 404
            assert "server" not in answer.headers
            metrics = httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False, timeout=30)
            assert "gatepost_requests" in metrics.text
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE) in {0, -signal.SIGTERM}


def wait_for_answer(url: str, process: "subprocess.Popen[bytes]") -> httpx2.Response:
    """Return the answer to a GET, as soon as there is one."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return httpx2.get(url, trust_env=False, timeout=30)
        except httpx2.ConnectError:
            assert process.poll() is None, "the process ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_settings_of_the_server() -> None:
    """One parser everywhere, no trust in headers, nothing revealed about the server, a timeout for every wait."""
    config = build_config(Starlette(), "127.0.0.1", 8001)

    assert (config.loop, config.ws, config.lifespan) == ("uvloop", "none", "on")
    assert not any((config.proxy_headers, config.server_header, config.access_log))
    assert config.timeout_graceful_shutdown == 10
    assert config.timeout_keep_alive == 5
    config.load()
    assert config.http_protocol_class.__name__ == "HttpToolsProtocol"
