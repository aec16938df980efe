"""The examples of ``docs/policy.md`` are run, and print what stands below each command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import SAMPLE_SECRETS
from tests.support.console_blocks import as_pattern, read_commands

ROOT = Path(__file__).parents[2]
COMMANDS = read_commands(ROOT / "docs" / "policy.md")
SETTINGS = {*SAMPLE_SECRETS, "ENVIRONMENT", "GATEWAY_RULES", "GATEWAY_PROMISES", "NEXTAUTH_URL"}


@pytest.mark.parametrize(("command", "expected"), COMMANDS)
def test_an_example_says_what_happens(command: str, expected: str) -> None:
    """Without any setting, the command prints what the page shows, and nothing else."""
    bare = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    script = command.replace(".venv/bin/python", f'"{sys.executable}"')
    run = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=bare, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stderr == ""
    assert re.fullmatch(as_pattern(expected), run.stdout.strip(), re.DOTALL), run.stdout


def test_each_kind_of_question_has_an_example() -> None:
    """One request, a change, promises and a Next.js project: the page shows the answer to each."""
    for question in ("GET /userposts/1", "--diff", "--prove", "--nextjs"):
        assert any(question in command for command, _ in COMMANDS), question
