"""How a service is run: uvicorn's settings, and a start that fails with one line."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette

from shared.server import build_config

ROOT = Path(__file__).parents[2]
PROGRAM = """
from starlette.applications import Starlette
from shared.server import serve
from shared.settings import Settings
serve("some_service", Settings, lambda settings, metrics: Starlette())
"""
SECRET = "a-key-of-our-own-0123456789abcdefgh-01"


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a service with that environment and nothing else until it ends."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "SECRET_KEY: is missing; PORT: is missing; METRICS_PORT: is missing"),
        ({"SECRET_KEYS": SECRET}, "unknown setting SECRET_KEYS"),
        (
            {"SECRET_KEY": SECRET[:31], "PORT": "1", "METRICS_PORT": "2"},
            "SECRET_KEY must be at least 32 bytes in production",
        ),
        (
            {"SECRET_KEY_FILE": "/nowhere", "PORT": "1", "METRICS_PORT": "2"},
            "SECRET_KEY_FILE names a file that can't be read",
        ),
    ],
)
def test_bad_settings(environment: dict[str, str], line: str) -> None:
    """Bad settings end the process with code 2 and one line that names them and shows no secret."""
    ended = run(**environment)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"some_service does not start: {line}\n"


def test_taken_metrics_port() -> None:
    """A metrics port that is taken ends the process with one line as well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(SECRET_KEY=SECRET, PORT="1", METRICS_PORT=port)

    assert ended.returncode == 2
    assert (
        ended.stderr
        == f"some_service does not start: METRICS_PORT {port} can't be listened on: Address already in use\n"
    )


def test_settings_of_the_server() -> None:
    """One parser everywhere, nothing believed from headers, nothing told of the server, an end to every wait."""
    config = build_config(Starlette(), "127.0.0.1", 8001)

    assert (config.loop, config.ws, config.lifespan) == ("uvloop", "none", "on")
    assert not any((config.proxy_headers, config.server_header, config.access_log))
    assert config.timeout_graceful_shutdown == 10
    assert config.timeout_keep_alive == 5
    config.load()
    assert config.http_protocol_class.__name__ == "HttpToolsProtocol"
