"""A port that one process holds while others, which come and go, serve what connects to it."""

import contextlib
import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from shared.process.port_holder import ALONE_FOR
from tests.unit.shared.process.test_server import DEADLINE, LEAST, ROOT, choose_ports, wait_for_answer

PROGRAM = """
import os
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from shared.web.health import health_routes
from shared.process.server import serve
from shared.process.held_port import HeldPortSettings

async def answer(request):
    return JSONResponse({"process": os.getpid()})

serve("some_service", HeldPortSettings, lambda *_: Starlette(routes=[*health_routes({}), Route("/", answer)]))
"""


PATIENT_HOLDER = """
import asyncio, sys
from pathlib import Path
from shared.process.port_holder import hold

asyncio.run(hold(Path(sys.argv[1]), int(sys.argv[2]), alone_for=300))
"""
HOLDER = ("-m", "shared.process.port_holder")


@contextlib.contextmanager
def holding(path: Path, port: int, program: tuple[str, str] = HOLDER) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process that holds a port."""
    command = [sys.executable, "-S", *program, str(path), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def serving(path: Path, drain: float = 0) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a service that serves at the held port, and has a port of its own."""
    port, metrics_port = choose_ports()
    settings = {**LEAST, "PORT": str(port), "METRICS_PORT": str(metrics_port)}
    settings |= {"PORT_HOLDER_SOCKET": str(path), "DRAIN_SECONDS": str(drain)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=settings, cwd=ROOT, stderr=subprocess.PIPE) as process:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/livez", process)
            yield process
        finally:
            process.kill()


def read_event(holder: "subprocess.Popen[bytes]") -> str:
    """Return the next event that a holder logs."""
    assert holder.stdout is not None
    assert select.select([holder.stdout], [], [], DEADLINE)[0], "nothing is logged"
    event: str = json.loads(holder.stdout.readline())["event"]
    return event


def ask(port: int) -> httpx2.Response:
    """Return the answer at the held port, by a connection of its own."""
    return httpx2.get(f"http://127.0.0.1:{port}/", timeout=DEADLINE, trust_env=False)


def find_process(port: int) -> int:
    """Return which process answers at the held port."""
    answer = ask(port)
    assert answer.status_code == 200, answer.text
    found: int = answer.json()["process"]
    return found


def test_one_process_takes_the_place_of_another(tmp_path: Path) -> None:
    """What connects is served by the one that is there; once it is told to end, by the other alone, while it drains."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with holding(path, port), serving(path, drain=30) as old:
        assert find_process(port) == old.pid
        with serving(path) as new:
            old.send_signal(signal.SIGTERM)
            assert old.stderr is not None
            assert any(b"port_let_go" in line for line in old.stderr)
            assert {find_process(port) for _ in range(20)} == {new.pid}
            assert old.poll() is None


def test_who_connects_in_between_waits(tmp_path: Path) -> None:
    """With one process gone and the next not there yet, a request waits, and is answered by the next."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with holding(path, port, ("-c", PATIENT_HOLDER)):  # a busy machine takes its time to start the next
        with serving(path) as old:
            assert find_process(port) == old.pid
            old.send_signal(signal.SIGTERM)
            old.wait(DEADLINE)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(find_process, port)
            with serving(path) as new:
                assert waiting.result(DEADLINE) == new.pid


def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    """With no process for some seconds, all are answered 503, until there is one again; the log says so."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with holding(path, port) as holder:
        answer = ask(port) if _is_listening(port) else None
        assert answer is not None
        assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryAfter"]) == (503, "1", 1)
        request_ids = {answer.headers["x-request-id"], ask(port).headers["x-request-id"]}
        assert [len(each) for each in request_ids] == [32, 32]
        with serving(path) as process:
            while (answer := ask(port)).status_code == 503:  # one that was accepted just before
                pass
            assert answer.json() == {"process": process.pid}
            assert [read_event(holder), read_event(holder)] == ["no_gateway", "gateway_is_back"]


def test_probes_are_no_gateways(tmp_path: Path) -> None:
    """Who only looks whether the holder is there changes nothing for clients, with a gateway or without."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with holding(path, port) as holder:
        assert _is_listening(port)
        assert ask(port).status_code == 503
        probe(path)
        assert read_event(holder) == "no_gateway"
        with ThreadPoolExecutor(8) as threads:
            assert {each.status_code for each in threads.map(ask, [port] * 20)} == {503}
        time.sleep(ALONE_FOR + 1)  # what a probe might have begun
        with serving(path) as process:
            assert read_event(holder) == "gateway_is_back"
            probe(path)
            assert {find_process(port) for _ in range(100)} == {process.pid}


def probe(path: Path) -> None:
    """Look whether the holder is there, as its container's health check does."""
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))


def test_a_holder_that_was_replaced_is_found_again(tmp_path: Path) -> None:
    """A holder can be started anew: the process fetches the next one's socket."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with serving(path) as process:
        for _ in range(2):
            with holding(path, port) as holder:
                assert _is_listening(port)
                assert find_process(port) == process.pid
                holder.send_signal(signal.SIGTERM)
                assert holder.wait(DEADLINE) == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """A holder that can't have its port ends with one sentence that names it."""
    path, (port, _) = tmp_path / "holder.sock", choose_ports()
    with holding(path, port):
        assert _is_listening(port)
        command = [sys.executable, "-m", "shared.process.port_holder", str(tmp_path / "other.sock"), str(port)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    line = f"port_holder does not start: {tmp_path / 'other.sock'}, port {port}: Address already in use"
    assert (second.returncode, second.stderr.strip()) == (1, line)


def _is_listening(port: int) -> bool:
    """Return once something listens."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
