"""pytest in a process of its own, for what has to be decided before anything is built, or in another folder."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.running_stack import ROOT

DEADLINE = 1200  # seconds, for a busy machine


def run_tests(
    *arguments: str, temporary: Path, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Return what it came to, with these variables beside our own.

    Its temporary files are in a folder of ours: in the usual place it would close that to the servers that run for
    other tests as another user.
    """
    command = [sys.executable, "-m", "pytest", *arguments, "-p", "no:cacheprovider", "--basetemp", f"{temporary}/of-it"]
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
