"""The console blocks of the README and of ``docs/policy.md`` are run, and print what stands below each command."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.running_stack import ROOT, running_stack

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
PAGES = ("README.md", "docs/policy.md")  # in the order in which somebody would read them


def read_commands() -> list[tuple[str, str]]:
    """Return the commands of the pages with the output that stands below each."""
    commands: list[tuple[str, str]] = []
    for block in BLOCK.findall("\n".join((ROOT / page).read_text() for page in PAGES)):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, output = re.split(r"(?<!\\)\n", part, maxsplit=1)
            commands.append((command, output))
    return commands


def as_pattern(expected: str) -> str:
    """Return a regular expression for an output in which ``…`` stands for anything."""
    return ".*".join(re.escape(part) for part in expected.strip().split(ANYTHING))


@pytest.mark.skipif("GATEPOST_URL" in os.environ, reason="needs a stack without any data")
def test_the_readme_says_what_happens() -> None:
    """Each command, run in order on a fresh stack, prints what the page shows below it."""
    with running_stack() as urls:
        marker = "--- next ---"
        commands = read_commands()
        script = "".join(f"{command}\necho; echo '{marker}'\n" for command, _ in commands)
        script = script.replace("http://localhost:3000", urls.gateway).replace(
            "localhost:3000", urls.gateway.removeprefix("http://")
        )
        script = script.replace(".venv/bin/python", f'"{sys.executable}"')
        finished = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    outputs = finished.stdout.split(marker)
    assert len(commands) >= 6
    for (command, expected), output in zip(commands, outputs, strict=False):
        assert re.fullmatch(as_pattern(expected), output.strip(), re.DOTALL), f"{command}\n{output}"
