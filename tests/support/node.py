"""Node programs of the tests: their packages are installed as locked, and they answer JSON, one line for each line."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

INSTALL_DEADLINE = 900  # seconds
STOP_PATIENCE = 5


class NodeProgram:
    """A running program that writes one line of JSON for each that it reads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._asking = threading.Lock()

    def ask(self, question: object) -> object:
        """Return what the program answers; RuntimeError with its words when it answers ``{"fault": ...}`` or ends.

        One thread asks at a time, and gets its own answer: one that nobody waits for any more may still be asking.
        """
        with self._asking:
            _write_line(self._process.stdin, json.dumps(question))
            line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the program ended: exit code {self._process.wait(STOP_PATIENCE)}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "fault" in answer:
            raise RuntimeError(answer["fault"])
        return answer

    def kill(self) -> None:
        """End the program at once, whatever it is doing."""
        self._process.kill()
        self._process.wait(STOP_PATIENCE)


def install_packages(folder: Path) -> None:
    """Install the folder's locked packages, unless they are there; skip the test only where there is no Node at all.

    One process installs them, and the others wait.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        _install(folder)


def _install(folder: Path) -> None:
    installed, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = ["npm", "ci", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_DEADLINE, check=False)
    if done.returncode:
        pytest.fail(f"npm can't install the packages of {folder.name}: {done.stderr[-500:]}", pytrace=False)


@contextlib.contextmanager
def running_program(script: Path, environment: Mapping[str, str]) -> Iterator[NodeProgram]:
    """Give a program that runs meanwhile, with these variables beside our own."""
    process = subprocess.Popen(
        ["node", script.name],
        cwd=script.parent,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield NodeProgram(process)
    finally:
        process.kill()
        process.communicate()


def _write_line(stream: IO[str] | None, line: str) -> None:
    assert stream is not None
    stream.write(f"{line}\n")
    stream.flush()
