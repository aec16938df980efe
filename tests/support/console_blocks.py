"""The console blocks of a page: the commands, and what stands below each."""

import re
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


def read_commands(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page with the output that stands below each."""
    commands: list[tuple[str, str]] = []
    for block in BLOCK.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, output = re.split(r"(?<!\\)\n", part, maxsplit=1)
            commands.append((command, output))
    return commands


def as_pattern(expected: str) -> str:
    """Return a regular expression for an output in which ``…`` stands for anything."""
    return ".*".join(re.escape(part) for part in expected.strip().split(ANYTHING))
