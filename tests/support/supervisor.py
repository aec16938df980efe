"""``python -m stack`` as a process of its own, on free ports, and the processes that it started (Linux: /proc)."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support.running_stack import ROOT

DEADLINE = 180.0  # seconds


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A running ``python -m stack`` and what it printed so far."""

    process: subprocess.Popen[bytes]
    output: Path
    gateway: str
    mailbox: str | None
    children: dict[str, int]  # name -> pid


@contextlib.contextmanager
def supervising(
    directory: Path, *words: str, settings: Mapping[str, str] | None = None, terminal: int | None = None
) -> Iterator[Supervisor]:
    """Give a stack on free ports that is up, with its data in ``directory``; kill what is left of it.

    ``words`` are added to its command. ``terminal`` is a descriptor of the one that it belongs to, in a session of its
    own, which without it has none.
    """
    description, output = directory / "stack.json", directory / "stack.log"
    description.unlink(missing_ok=True)
    where = ("--data", str(directory), "--describe", str(description))
    command = [sys.executable, "-m", "stack", "--port", "0", *where, *words]
    environment = {**os.environ, **(settings or {})}
    take = None if terminal is None else partial(fcntl.ioctl, terminal, termios.TIOCSCTTY, 0)
    with (
        output.open("wb") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=take,  # noqa: PLW1509 - the tests have no threads here
            pass_fds=() if terminal is None else (terminal,),
        ) as process,
    ):
        try:
            wait_until(lambda: description.exists() or process.poll() is not None)
            assert process.poll() is None, output.read_text()
            urls = json.loads(description.read_text())
            children = find_children(process.pid)
            yield Supervisor(process, output, urls["gateway"], urls.get("mailbox"), children)
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def find_children(parent: int) -> dict[str, int]:
    """Return the pids of a process's children by the name of what they run."""
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {read_name(int(pid)): int(pid) for pid in pids}


def read_name(pid: int) -> str:
    """Return what a process runs: the module after ``-m``, or the program."""
    program, *arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return arguments[1] if arguments[0] == "-m" else Path(program).name


def has_ended(pid: int) -> bool:
    """Return whether a process is gone, or dead and only not yet collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
