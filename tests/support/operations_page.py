"""``docs/operations.md`` as tests run it: the commands of a section as they stand there, with the output shown below.

A test takes a section and runs every command of it; one that was left out fails the test::

    with section("Backup and restore") as commands:
        commands.take("pg_dump").run(checkout)

A command is a ``sh`` block, or each part of one that begins with a comment (``# compose``); or a line after ``$ `` of a
``text`` block, whose output stands below. In an output ``…`` stands for anything, a time for any time, an id of many
hexadecimal digits for any such id, and spaces between columns for any number of them.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.services import SETTING_NAMES
from tests.support.running_stack import ROOT

PAGE = ROOT / "docs" / "operations.md"
PATIENCE = 300.0  # seconds for one command

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{2,6} (.+)$", re.MULTILINE)
_VARYING = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?)"
    r"|(?P<id>\b[0-9a-f]{12,}\b)|(?P<any>…)|(?P<space> {2,})"
)
_PATTERNS = {
    "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?",
    "id": r"[0-9a-f]{12,}",
    "any": r".*",
    "space": r" +",
}


class OtherOutput(AssertionError):
    """A command printed something else than the page shows, or failed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the page; ``expected`` is the output shown below it, or None where none is shown."""

    text: str
    expected: str | None = None

    def run(
        self,
        directory: Path,
        settings: Mapping[str, str] | None = None,
        *,
        replacing: Mapping[str, str] | None = None,
        status: int | None = 0,
    ) -> str:
        """Run it in a directory with settings in its environment, and return what it printed, errors too.

        Texts to be replaced are those that differ from one machine to the next, such as a port. Raises OtherOutput if
        the page shows another output, or if the exit status is another; where an output is shown, any status is
        right, since the page shows refusals too.
        """
        script = self.text
        for text, other in (replacing or {}).items():
            script = script.replace(text, other)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=directory,
            env=_environment(directory, settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if self.expected is not None:
            if not is_as_shown(self.expected, done.stdout):
                raise OtherOutput(f"$ {script}\n{done.stdout}\ninstead of\n{self.expected}")
        elif status is not None and done.returncode != status:
            raise OtherOutput(f"$ {script}\n{done.stdout}\nexit status {done.returncode}")
        return done.stdout


class Commands:
    """The commands of a section, of which a test takes one after the other."""

    def __init__(self, heading: str, commands: list[Command]) -> None:
        self.heading = heading
        self._left = commands

    def take(self, fragment: str = "") -> Command:
        """Return the next command that is left and contains this text; raises LookupError."""
        for command in self._left:
            if fragment in command.text:
                self._left.remove(command)
                return command
        raise LookupError(f"{self.heading}: no command that is left contains {fragment!r}")

    def take_all(self) -> list[Command]:
        """Return all commands that are left, in order."""
        taken, self._left = self._left, []
        return taken

    @property
    def left(self) -> list[Command]:
        """The commands that nobody has taken."""
        return list(self._left)


@contextlib.contextmanager
def section(heading: str) -> Iterator[Commands]:
    """Give the commands of the section with this heading, without those of sections below it; all are to be taken."""
    commands = Commands(heading, read_commands(PAGE.read_text())[heading])
    yield commands
    assert not commands.left, f"{heading}: not run: {[command.text for command in commands.left]}"


def read_commands(page: str) -> dict[str, list[Command]]:
    """Return the commands of each section that has any, by its heading."""
    commands: dict[str, list[Command]] = {}
    fences = list(_FENCED.finditer(page))
    headings = [
        (m.start(), m[1]) for m in _HEADING.finditer(page) if not any(f.start() < m.start() < f.end() for f in fences)
    ]
    for fence in fences:
        before = [heading for start, heading in headings if start < fence.start()]
        text = re.sub(rf"^{fence['indent']}", "", fence["text"], flags=re.MULTILINE)
        found = _read_script(text) if fence["language"] == "sh" else _read_console(text)
        if found:
            commands.setdefault(before[-1] if before else "", []).extend(found)
    return commands


def list_languages(page: str) -> set[str]:
    """Return what the page's blocks say they are."""
    return {fence["language"] for fence in _FENCED.finditer(page)}


def is_as_shown(expected: str, printed: str) -> bool:
    """Tell whether a command printed what a page shows."""
    pattern, end = "", 0
    for varying in _VARYING.finditer(text := _trim(expected)):
        pattern += re.escape(text[end : varying.start()]) + _PATTERNS[varying.lastgroup or ""]
        end = varying.end()
    return re.fullmatch(pattern + re.escape(text[end:]), _trim(printed), re.DOTALL) is not None


def copy_project(to: Path) -> Path:
    """Copy the project as a clone would have it, with the virtual environment at ``.venv``; returns where it is."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to(sys.prefix)
    return to


def _read_script(text: str) -> list[Command]:
    parts = re.split(r"^(?=# )", text, flags=re.MULTILINE)
    return [Command(part.strip()) for part in parts if re.search(r"^(?!#)\S", part, re.MULTILINE)]


def _read_console(text: str) -> list[Command]:
    parts = [re.split(r"(?<!\\)\n", part, maxsplit=1) for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    return [Command(command, output) for command, output in parts]


def _trim(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _environment(directory: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a new terminal: none of our settings, and the programs of the project found first."""
    outside = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    path = f"{directory / '.venv/bin'}:{os.environ['PATH']}"
    return {**outside, **settings, "PATH": path}
