"""The example ``examples/comments``: copied into a fresh clone as ``docs/extending.md`` says, and started there.

The document is the only source: each of its steps names a file, a place in it, and the lines that go there.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.operations_page import copy_project
from tests.support.running_stack import ROOT, StackUrls, started_stack

EXAMPLE = ROOT / "examples" / "comments"
PACKAGE = "comments_service"
DOCUMENT = ROOT / "docs" / "extending.md"
_STEP = re.compile(
    r"^In `(?P<file>[^`]+)`, (?:(?P<place>above|below|instead of) `(?P<anchor>[^`\n]+)`|at the end):\n\n"
    r"```\w*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """Lines that go into an existing file: above, below or instead of the one line that reads so, or at the end."""

    file: str
    place: str | None
    anchor: str | None
    text: str

    def apply(self, content: str) -> str:
        """Return the file's content with the lines in it."""
        if self.anchor is None:
            return f"{content}{self.text}"
        lines = content.splitlines(keepends=True)
        (at,) = [number for number, line in enumerate(lines) if line.strip() == self.anchor]
        begin, end = {"above": (at, at), "below": (at + 1, at + 1), "instead of": (at, at + 1)}[str(self.place)]
        return "".join([*lines[:begin], self.text, *lines[end:]])


def read_steps() -> list[Step]:
    """Return the steps of the document's recipe for a service."""
    recipe = DOCUMENT.read_text().partition("## A service\n")[2].partition("\n## ")[0]
    return [Step(*found.group("file", "place", "anchor", "text")) for found in _STEP.finditer(recipe)]


def count_written(steps: Sequence[Step]) -> Mapping[str, int]:
    """Return how many lines go into existing files, and how many are the service's own."""
    own = [path for path in (EXAMPLE / PACKAGE).rglob("*") if path.suffix in {".py", ".sql", ".html"}]
    return {
        "existing": sum(step.text.count("\n") for step in steps),
        "own": sum(path.read_text().count("\n") for path in own),
    }


@contextlib.contextmanager
def running_with_comments() -> Iterator[StackUrls]:
    """Give a stack with the comments service in it, from a clone of its own."""
    # Not pytest's own directory: it closes that to all other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="gatepost-clone-") as directory:
        clone = Path(directory) / "gatepost"
        make_clone(clone)
        with started_stack({}, clone) as urls:
            yield urls


def make_clone(clone: Path) -> None:
    """Copy the project as it is checked out, and then do what the document says."""
    copy_project(clone)
    shutil.copytree(clone / "examples" / "comments" / PACKAGE, clone / PACKAGE)
    for step in read_steps():
        path = clone / step.file
        path.write_text(step.apply(path.read_text()))
