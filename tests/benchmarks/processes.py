"""Servers under measurement: started on their core, awaited, asked for their CPU time, ended by process id.

All servers share one core and the load has another, so that a rate says what a request costs and not how many cores
there were. Every process that was started here is ended here, also after a failure.
"""

import contextlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.processes import Child, start_child, stop_children

ROOT = Path(__file__).parents[2]
SERVER_CORE = 0
LOAD_CORE = 1
ALL_CORES = frozenset(range(os.cpu_count() or 1))
START_DEADLINE = 30  # seconds
STOP_PATIENCE = 12.0  # seconds; a service gives its running requests 10

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class ProgramMissing(Exception):
    """A program that a benchmark needs and this machine lacks."""


class ServerFailed(Exception):
    """A server that did not come up, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the process that was started, the port of 127.0.0.1 that it listens on, what it prints."""

    name: str
    pid: int
    port: int
    log: Path


def get_program(name: str) -> str:
    """Return the path of a program, or raise ProgramMissing."""
    path = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin")
    if path is None:
        raise ProgramMissing(
            f"{name} is missing; on Debian: apt-get install -y --no-install-recommends nginx haproxy wrk"
        )
    return path


def find_python(tree: Path) -> str:
    """Return the Python of a tree, with the libraries that it locks; ours where it has none."""
    own = tree / ".venv" / "bin" / "python"
    return str(own) if tree != ROOT and own.exists() else sys.executable


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this process, and whatever it starts within the block for all its life, on that core alone."""
    with on_cores({core}):
        yield


@contextlib.contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """Do the same with some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pick_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that are free now."""
    with contextlib.ExitStack() as listeners:
        found = [listeners.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in found]


@contextlib.contextmanager
def running_server(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    tree: Path = ROOT,
) -> Iterator[Server]:
    """Run a server on the servers' core until the block is left. Its output goes to ``directory``.

    It starts on all cores, for some count them when they start; and in ``tree``, whose code a module of ours is.
    """
    log = directory / f"{name}.log"
    settings = {"PATH": os.defpath, "HOME": str(directory), **(environment or {})}
    with log.open("ab") as output, on_cores(ALL_CORES):
        child = start_child(name, command, environment=settings, directory=tree, output=output)
    try:
        _wait_until_listening(child, port, log)
        _set_cores(_list_descendants([child.process.pid]), {SERVER_CORE})
        yield Server(name, child.process.pid, port, log)
        if child.process.poll() is not None:
            raise ServerFailed(f"{name} ended during the run:\n{_tail(log)}")
    finally:
        stop_children([child], STOP_PATIENCE)


@contextlib.contextmanager
def on_all_cores(pids: Iterable[int]) -> Iterator[None]:
    """Let these processes and their descendants have the whole machine within the block."""
    found = _list_descendants(pids)
    _set_cores(found, ALL_CORES)
    try:
        yield
    finally:
        _set_cores(found, {SERVER_CORE})


def read_cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time, user and system, that these processes and their descendants have used so far."""
    return sum(_list_descendants(pids).values())


def _list_descendants(pids: Iterable[int]) -> dict[int, float]:
    """Return these processes and their descendants, with the CPU seconds that each has used."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                pid = int(entry.name)
                parents[pid], used[pid] = _read_stat(entry / "stat")
    roots = set(pids)
    return {pid: seconds for pid, seconds in used.items() if _descends_from(pid, roots, parents)}


def _set_cores(pids: Iterable[int], cores: Collection[int]) -> None:
    for pid in pids:
        for thread in _list_threads(pid):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cores)


def _list_threads(pid: int) -> list[int]:
    try:
        return [int(entry.name) for entry in (_PROC / str(pid) / "task").iterdir()]
    except OSError:  # it ended meanwhile
        return []


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


def _wait_until_listening(child: Child, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while child.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ServerFailed(f"{child.name} did not start:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
