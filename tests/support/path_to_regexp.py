"""The npm package path-to-regexp, run in bulk through one small Node script: ``tests/differential/ask.js``."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.node import install_packages

FOLDER = Path(__file__).parents[1] / "differential"
ANSWER_DEADLINE = 120  # seconds

Question = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the package says of one matcher: why it refuses it, or which of the paths match."""

    error: str | None
    matches: tuple[bool, ...]


def install_package() -> None:
    """Install the locked packages, unless they are there; skip the test where that can't be done."""
    install_packages(FOLDER)


def ask_package(questions: Sequence[Question]) -> list[Answer]:
    """Return one answer for each matcher with its paths."""
    done = subprocess.run(
        ["node", "--regexp-interpret-all", "ask.js"],
        cwd=FOLDER,
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=ANSWER_DEADLINE,
        check=True,
    )
    return [Answer(found.get("error"), tuple(found.get("matches", ()))) for found in json.loads(done.stdout)]
