"""What a measurement ran on: processor, system, versions. Figures without these say nothing."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from stack.postgres import get_programs
from tests.benchmarks.peer_servers import list_versions
from tests.benchmarks.processes import get_program

PACKAGES = ("uvicorn", "httptools", "uvloop", "starlette")
_OPTIONS = {"node": "--version", "PostgreSQL": "--version"}  # the others take -v


def describe_machine(programs: Sequence[str]) -> str:
    """Return machine and versions in a few lines, those of the programs among them."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"{_find_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().partition('-')[0]}",
            f"Python {platform.python_version()}, {packages}",
            ", ".join(ask_version(name, get_program(name)) for name in programs),
        ]
    )


def describe_all() -> str:
    """Return the same with database and peers, as Markdown."""
    postgres = ask_version("PostgreSQL", get_programs() / "postgres")
    return f"{describe_machine(('node', 'wrk'))}, {postgres}\nPeers: {list_versions()}".replace("\n", "  \n")


def ask_version(name: str, program: str | Path) -> str:
    """Return a program's name and version."""
    # wrk ends with 1 and nginx writes to standard error: only the first line of text matters.
    command = [program, _OPTIONS.get(name, "-v")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    words = (ended.stdout or ended.stderr).split()
    number = next((word for word in words if any(digit in word for digit in "0123456789")), "unknown")
    return f"{name} {number.removeprefix('nginx/').removeprefix('debian/').removeprefix('v')}"


def _find_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
