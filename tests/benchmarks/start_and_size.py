"""How soon ``make run`` answers, and how much memory the services keep at rest."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from tests.benchmarks.processes import ROOT, Server, ServerFailed, get_program
from tests.benchmarks.wrk import fetch

START_DEADLINE = 60
STOP_PATIENCE = 30
PATH = "/api/posts"  # public: answered by the gateway, the posts service and its database

_LEFT_OUT = (".git", ".venv", ".data", ".env", "node_modules", "__pycache__", ".*_cache", ".hypothesis", ".next")
_GREETING = re.compile(rb"Gatepost runs at http://localhost:(\d+)")


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the command to the first answer: in a fresh clone, and once data and compiled files are there."""

    first: float
    again: list[float]


def measure_starts(times: int) -> Starts:
    """Start a copy of this tree, which has no data and no compiled files yet, and then start it again."""
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as directory:
        clone = Path(directory) / "gatepost"
        shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        (clone / ".venv").symlink_to((ROOT / ".venv").resolve())
        return Starts(_time_start(clone), [_time_start(clone) for _ in range(times)])


def read_memory(servers: Mapping[str, Server]) -> dict[str, float]:
    """Return the memory that each server has in RAM, in MiB (proc(5), VmRSS)."""
    return {name: read_memory_line(server.pid, "VmRSS") for name, server in servers.items()}


def read_memory_line(pid: int, name: str) -> float:
    """Return what a line of a process's status says, in MiB (proc(5): VmRSS, VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ServerFailed(f"process {pid} ended by itself")


def _time_start(clone: Path) -> float:
    begun = time.monotonic()
    # The locked requirements are installed: make is told not to look at their dates, which a copy has changed.
    command = [get_program("make"), "--old-file=.venv/ready-to-run", "run", "PORT=0"]
    process = subprocess.Popen(
        command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        port = _read_port(process)
        while fetch(port, PATH, {"Host": f"localhost:{port}"})[0] != HTTPStatus.OK:
            if time.monotonic() - begun > START_DEADLINE:
                raise ServerFailed("the started stack does not answer")
        return time.monotonic() - begun
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.communicate(timeout=STOP_PATIENCE)


def _read_port(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    printed = b""
    for line in process.stdout:
        printed += line
        if greeting := _GREETING.search(line):
            return int(greeting[1])
    raise ServerFailed(f"make run ended by itself:\n{printed.decode(errors='replace')}")
