"""The console blocks of the README are run, and print what stands below each command."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.console_blocks import as_pattern, read_commands
from tests.support.running_stack import ROOT, running_stack


@pytest.mark.skipif("GATEPOST_URL" in os.environ, reason="needs a stack without any data")
def test_the_readme_says_what_happens() -> None:
    """Each command, run in order on a fresh stack, prints what the page shows below it."""
    with running_stack() as urls:
        marker = "--- next ---"
        commands = read_commands(ROOT / "README.md")
        script = "".join(f"{command}\necho; echo '{marker}'\n" for command, _ in commands)
        script = script.replace("http://localhost:3000", urls.gateway).replace(
            "localhost:3000", urls.gateway.removeprefix("http://")
        )
        script = script.replace(".venv/bin/python", f'"{sys.executable}"')
        finished = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    outputs = finished.stdout.split(marker)
    assert len(commands) >= 5
    for (command, expected), output in zip(commands, outputs, strict=False):
        assert re.fullmatch(as_pattern(expected), output.strip(), re.DOTALL), f"{command}\n{output}"
