"""Servers under measurement: started on their core, awaited, asked for their CPU time, ended by process id.

All servers share one core and the load has another, so that a rate says what a request costs and not how many cores
there were. Every process that was started here is ended here, also after a failure.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER_CORE = 0
LOAD_CORE = 1
START_DEADLINE = 30  # seconds
STOP_DEADLINE = 10  # seconds

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class ProgramMissing(Exception):
    """A program that a benchmark needs and this machine lacks."""


class ServerFailed(Exception):
    """A server that did not come up, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the process that was started, and the port of 127.0.0.1 that it listens on."""

    name: str
    pid: int
    port: int


def get_program(name: str) -> str:
    """Return the path of a program, or raise ProgramMissing."""
    path = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin")
    if path is None:
        raise ProgramMissing(
            f"{name} is missing; on Debian: apt-get install -y --no-install-recommends nginx haproxy wrk util-linux"
        )
    return path


def pin_command(command: Sequence[str], core: int) -> list[str]:
    """Return the command that runs ``command``, and whatever it starts, on that core alone."""
    return [get_program("taskset"), "--cpu-list", str(core), *command]


def pick_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextlib.contextmanager
def running_server(
    name: str, command: Sequence[str], *, port: int, directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server on the servers' core until the block is left. Its output goes to ``directory``."""
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - commands of the benchmarks' own
            pin_command(command, SERVER_CORE),
            cwd=ROOT,
            env={"PATH": os.defpath, "HOME": str(directory), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the benchmark alone, which then ends its servers in order
        )
    try:
        _wait_until_listening(name, process, port, log)
        yield Server(name, process.pid, port)
        if process.poll() is not None:
            raise ServerFailed(f"{name} ended during the run:\n{_tail(log)}")
    finally:
        _stop(process)


def read_cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time, user and system, that these processes and their descendants have used so far."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                pid = int(entry.name)
                parents[pid], used[pid] = _read_stat(entry / "stat")
    roots = set(pids)
    return sum(seconds for pid, seconds in used.items() if _descends_from(pid, roots, parents))


def _read_stat(path: Path) -> tuple[int, float]:
    """Return parent and CPU seconds of a process, ended children included (proc(5))."""
    fields = path.read_text().rpartition(")")[2].split()  # the name before may hold anything
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15]) / _TICKS


def _descends_from(pid: int, roots: set[int], parents: Mapping[int, int]) -> bool:
    while pid:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False


def _wait_until_listening(name: str, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ServerFailed(f"{name} did not start:\n{_tail(log)}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
