"""A service on a Unix socket: the same as on its port, closed to others, and never taken from one that uses it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from shared.process.unix_socket import bind_unix_socket
from tests.unit.shared.process.test_server import DEADLINE, LEAST, ROOT, choose_ports, wait_for_answer

PROGRAM = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from shared.web.health import health_routes
from shared.process.server import serve
from shared.settings import UpstreamSettings

async def answer(request):
    return JSONResponse({"client": request.client})

serve("some_service", UpstreamSettings, lambda *_: Starlette(routes=[*health_routes({}), Route("/", answer)]))
"""


def start(path: Path, port: int, metrics_port: int) -> "subprocess.Popen[bytes]":
    """Start a service that also listens at a path."""
    environment = {**LEAST, "PORT": str(port), "METRICS_PORT": str(metrics_port), "UNIX_SOCKET": str(path)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, stderr=subprocess.PIPE)


@contextlib.contextmanager
def serving(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a service that listens at a path and a port."""
    port, metrics_port = choose_ports()
    with start(path, port, metrics_port) as process:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/livez", process)
            yield process
        finally:
            process.kill()


def ask(path: Path, target: str = "/") -> httpx2.Response:
    """Return the answer at a Unix socket."""
    with httpx2.Client(
        transport=httpx2.HTTPTransport(uds=str(path), trust_env=False), trust_env=False, timeout=30
    ) as client:
        return client.get(f"http://service{target}")


def test_a_service_answers_at_its_socket(tmp_path: Path) -> None:
    """The socket leads to the same service, which sees no client address; only its own user may connect."""
    path = tmp_path / "service.sock"
    umask = os.umask(0o022)
    try:
        with serving(path) as process:
            answer = ask(path)
            assert (answer.status_code, answer.json()) == (200, {"client": None})
            assert not path.stat().st_mode & 0o022
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) in {0, -signal.SIGTERM}
    finally:
        os.umask(umask)


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    """After a kill the file is still there and nobody listens: the next start takes it over."""
    path = tmp_path / "service.sock"
    with serving(path) as process:
        process.kill()
        process.wait(DEADLINE)
    assert path.is_socket()
    with serving(path):
        assert ask(path, "/livez").status_code == 200


def test_a_socket_in_use_is_not_taken(tmp_path: Path) -> None:
    """A second service at the same path ends with code 2 and one line; the first serves on."""
    path = tmp_path / "service.sock"
    with serving(path), start(path, *choose_ports()) as second:
        _, said = second.communicate(timeout=DEADLINE)
        assert ask(path).status_code == 200
    line = f"some_service does not start: UNIX_SOCKET {path} can't be listened at: Address already in use\n"
    assert (second.returncode, said.decode()) == (2, line)


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere/service.sock", "No such file or directory"), ("s" * 108, "AF_UNIX path too long")]
)
def test_an_impossible_path(tmp_path: Path, name: str, reason: str) -> None:
    """A path at which no socket can be made ends the start with code 2 and one line."""
    with start(tmp_path / name, *choose_ports()) as process:
        _, said = process.communicate(timeout=DEADLINE)
    line = f"some_service does not start: UNIX_SOCKET {tmp_path / name} can't be listened at: {reason}\n"
    assert (process.returncode, said.decode()) == (2, line)


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    """What is no socket stays as it is."""
    path = tmp_path / "service.sock"
    path.write_text("somebody's")
    with pytest.raises(OSError, match="Address already in use"):
        bind_unix_socket(path)
    assert path.read_text() == "somebody's"


def test_a_socket_that_only_listens_is_in_use(tmp_path: Path) -> None:
    """A listener that does not accept connections yet counts as in use."""
    path = tmp_path / "service.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(1)
        with pytest.raises(OSError, match="Address already in use"):
            bind_unix_socket(path)


def test_nobody_is_let_in_before_the_service_is_there(tmp_path: Path) -> None:
    """While the service is still starting, connections are refused at once, as on its port."""
    path = tmp_path / "service.sock"
    with bind_unix_socket(path), socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(str(path))
