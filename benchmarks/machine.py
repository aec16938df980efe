"""What a measurement ran on: processor, system, versions. Figures without these say nothing."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import get_program

PACKAGES = ("uvicorn", "httptools", "uvloop", "starlette")
PROGRAMS = {"nginx": "-v", "haproxy": "-v", "wrk": "-v"}


def describe_machine() -> str:
    """Return machine and versions in a few lines."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"{_find_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
            f"Python {platform.python_version()}, {packages}",
            ", ".join(_ask_version(name, option) for name, option in PROGRAMS.items()),
        ]
    )


def _find_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _ask_version(name: str, option: str) -> str:
    # wrk ends with 1 and nginx writes to standard error: only the first line of text matters.
    command = [get_program(name), option]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - see above
    words = (ended.stdout or ended.stderr).split()
    number = next((word for word in words if any(digit in word for digit in "0123456789")), "unknown")
    return f"{name} {number.removeprefix('nginx/').removeprefix('debian/')}"
