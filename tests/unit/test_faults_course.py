"""A run of the experiments never ends without its table, and never says that all is well when it is not."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.catalogue import EXPERIMENTS
from tests.support.house import ROOT
from tests.support.staged_faults import IN_THE_MIDDLE, main

PATIENCE = 60.0  # seconds
HEAD = "| fault | requests | not served |"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run that is over has printed, and its exit status."""

    status: int
    printed: str
    complaints: str

    @property
    def rows(self) -> list[str]:
        """The rows of the table, of which there must be one."""
        assert self.printed.count(HEAD) == 1
        lines = self.printed.partition(HEAD)[2].splitlines()[2:]
        return [line for line in lines if line.startswith("| ")]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Give the function that runs stages to the end, in this process."""

    def run_stages(*names: str) -> Ended:
        status = main(names)
        return Ended(status, *capsys.readouterr())

    return run_stages


def test_all_that_holds(run: Callable[..., Ended]) -> None:
    """A run in which everything was done and held ends with its table and status 0."""
    ended = run("standing")
    assert [row.endswith("| yes |") for row in ended.rows] == [True, True]
    assert (ended.status, ended.complaints) == (0, "")
    assert "2 of 2 hold, 0 don't, 0 were not run." in ended.printed


def test_an_experiment_that_raises(run: Callable[..., Ended]) -> None:
    """Whatever an experiment raises is a breach of it; the next one is done, and the traceback is told."""
    ended = run("raising")
    assert [row.endswith("| **no**: 1 breaches |") for row in ended.rows] == [True, True]
    assert "it could not be judged: ZeroDivisionError" in ended.printed
    assert ended.complaints.count("Traceback") == 2
    assert ended.status == 1


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        ("unusable", "people were not served / before any fault"),
        ("crashing", 'its stage failed: RuntimeError("a fault of the stage\'s own")'),
    ],
)
def test_a_stage_that_does_not_come_up(run: Callable[..., Ended], stage: str, reason: str) -> None:
    """What could not be run for want of a stage is in the table with the reason, and the status is not 0."""
    ended = run(stage)
    missing = f"| | | | | | **not run**: {reason} |"
    assert ended.rows == [f"| Hold {missing}", f"| Hold as well {missing}"]
    assert ("Traceback" in ended.complaints) == (stage == "crashing")
    assert ended.status == 1


def test_the_next_stage_is_tried(run: Callable[..., Ended]) -> None:
    """When one stage can't be used, what another has to show is shown, and the run has failed all the same."""
    ended = run("unusable", "standing")
    assert "0 were not run" in ended.printed, "the same experiments, done on the second stage"
    ended = run("crashing", "unusable")
    assert "0 of 2 hold, 0 don't, 2 were not run." in ended.printed
    assert ended.status == 1


def test_what_can_not_be_removed(run: Callable[..., Ended]) -> None:
    """Containers that stay behind are told below the table, and the status is not 0."""
    ended = run("sticky", "standing")
    assert len(ended.rows) == 2
    assert "could not be removed: CommandFailed('docker does not answer')" in ended.printed.partition(HEAD)[2]
    assert ended.status == 1


def test_something_ends_the_process(run: Callable[..., Ended]) -> None:
    """Even an exit in the middle, with status 0, leaves the table and no good word."""
    ended = run("dying")
    reason = "**not run**: the run broke off: SystemExit(0) |"
    assert [row.endswith(reason) for row in ended.rows] == [True, True]
    assert ended.status == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM writes the table of what was reached, and says what ended the run."""
    command = [sys.executable, "-m", "tests.support.staged_faults", "waiting"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while IN_THE_MIDDLE not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        printed, complaints = process.communicate(timeout=PATIENCE)
    ended = Ended(process.returncode, printed, complaints)
    assert [row.endswith(f"**not run**: {number.name} came |") for row in ended.rows] == [True, True]
    assert (ended.status, ended.complaints) == (128 + number, "")


def test_the_end_of_the_time(run: Callable[..., Ended]) -> None:
    """A run that may last so long and no longer ends with its table."""
    ended = run("waiting", "--within", "0.001")
    assert [row.endswith("**not run**: the 0.001 minutes were over |") for row in ended.rows] == [True, True]
    assert ended.status == 1


@pytest.mark.parametrize("docker", ["exit 1", None], ids=["does not answer", "is not there"])
def test_without_docker(tmp_path: Path, docker: str | None) -> None:
    """``make faults`` on a machine whose Docker fails names every experiment that was not run, without a traceback."""
    for name in ("bash", "dirname", "grep"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    if docker is not None:
        (tmp_path / "docker").write_text(f"#!/bin/bash\n{docker}\n")
        (tmp_path / "docker").chmod(0o755)
    command, environment = [sys.executable, "-m", "tests.faults"], {**os.environ, "PATH": str(tmp_path)}
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    ended = Ended(process.returncode, process.stdout, process.stderr)
    assert len(ended.rows) == len(EXPERIMENTS)
    assert all("**not run**: the containers can't be used" in row for row in ended.rows)
    assert "Traceback" not in ended.complaints
    assert ended.status == 1
