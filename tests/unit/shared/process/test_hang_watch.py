"""A process whose event loop hangs ends; one that is stopped, or only busy for a while, goes on."""

import os
import signal
import subprocess
import sys
import time

from shared.process.hang_watch import STATUS
from tests.unit.shared.process.test_server import DEADLINE, ROOT

PROGRAM = """
import asyncio, sys, time
from shared.process.hang_watch import HangWatch

async def main():
    with HangWatch(looks=5, pause=0.1).watching():
        print("begun", flush=True)
        {work}
        print("done", flush=True)

def hang():
    time.sleep(60)

asyncio.run(main())
"""


def start(work: str) -> "subprocess.Popen[str]":
    """Start a program that is watched while it works."""
    command = [sys.executable, "-c", PROGRAM.format(work=work)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_what_hangs_is_ended_and_named() -> None:
    """An event loop that gets no turn ends the process with the status of an abort, and says where it hung."""
    with start("hang()") as process:
        _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == STATUS
    assert "the event loop hangs" in said
    assert "in hang" in said


def test_what_is_busy_for_a_while_goes_on() -> None:
    """An event loop that is blocked for less than that goes on."""
    with start("time.sleep(0.2); await asyncio.sleep(1.5)") as process:
        printed, _ = process.communicate(timeout=DEADLINE)
    assert (process.returncode, printed) == (0, "begun\ndone\n")


def test_what_was_stopped_goes_on() -> None:
    """A process that was stopped for longer than that goes on: nobody looked meanwhile."""
    with start("await asyncio.sleep(2)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(process.pid, signal.SIGCONT)
        printed, _ = process.communicate(timeout=DEADLINE)
    assert (process.returncode, printed) == (0, "done\n")


def test_a_debugger_is_left_alone() -> None:
    """While somebody thinks at a debugger's prompt, an event loop that stands still is no hang."""
    with start("import pdb; pdb.set_trace()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.5)
        printed, _ = process.communicate("continue\n", timeout=DEADLINE)
    assert process.returncode == 0
    assert printed.endswith("done\n")
