"""The npm package path-to-regexp, asked in bulk through one small Node script: ``tests/differential/ask.js``."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "differential"
INSTALL_DEADLINE = 120  # seconds
ANSWER_DEADLINE = 120

Question = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the package says of one matcher: why it refuses it, or which of the paths match."""

    error: str | None
    matches: tuple[bool, ...]


def install_package() -> None:
    """Install what the lock names, unless it is there; skip the test where that can't be done."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    installed, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = ["npm", "ci", "--ignore-scripts"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_DEADLINE, check=False)
    if done.returncode:
        pytest.skip(f"npm can't install path-to-regexp: {done.stderr[-500:]}")


def ask_package(questions: Sequence[Question]) -> list[Answer]:
    """Return one answer for each matcher with its paths."""
    done = subprocess.run(
        ["node", "ask.js"],
        cwd=FOLDER,
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=ANSWER_DEADLINE,
        check=True,
    )
    return [Answer(found.get("error"), tuple(found.get("matches", ()))) for found in json.loads(done.stdout)]
