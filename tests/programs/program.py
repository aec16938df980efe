"""What a program is: how it is installed and started, what people do with it, and what the policy has to say for it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.programs.visit import Visit

INSTALLED = Path(__file__).parents[2] / ".programs"

Story = Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program is to run: its own folder, its port, and the URL that people use."""

    folder: Path
    port: int
    public_url: str

    def open_to_all(self) -> None:
        """Let programs that run as another user in, too."""
        self.folder.chmod(0o755)
        for name in ("visit", "gateway"):
            (self.folder / name).mkdir()

    def read_gateway_log(self) -> list[str]:
        """Return the lines of the gateway's log, if there is a gateway."""
        log = self.folder / "gateway" / "log"
        return log.read_text(errors="replace").splitlines() if log.exists() else []

    def keep(self, kept: Path, error: str) -> None:
        """Write what went wrong beside what was kept of this folder."""
        (kept / "error").write_text(error)

    def write(self, name: str, text: str) -> Path:
        """Write one of the program's files."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@dataclass(frozen=True, slots=True)
class Program:
    """A program. ``start`` returns its command; ``story`` is what people do with it.

    ``words`` are what its rule says beside matcher and access, ``upstream`` what its address says. ``needs`` are
    packages: of PyPI or npm, installed apart from ours, or commands that Debian's packages bring.
    """

    name: str
    origin: str  # PyPI, npm or Debian
    needs: tuple[str, ...]
    start: Callable[[Place], list[str]]
    story: Story
    told: str
    access: str = "page"
    matcher: str = '["/:path*"]'
    words: Mapping[str, str] = field(default_factory=dict)
    upstream: Mapping[str, str] = field(default_factory=dict)
    further_rules: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    lacks: str = ""  # what it can't, as the docs say

    @property
    def has_words(self) -> bool:
        """Whether its rules say more than a matcher and access."""
        return bool(self.words or self.upstream or self.further_rules)

    @property
    def folder(self) -> Path:
        """Where its packages are installed."""
        return INSTALLED / self.name

    def program(self, name: str) -> str:
        """Return the path of one of its installed commands."""
        return str(self.folder / ("bin" if self.origin == "PyPI" else "node_modules/.bin") / name)

    def install(self) -> str | None:
        """Install what it needs, once; return what is lacking if that is for the operator to install."""
        if self.origin == "Debian":
            lacking = [each for each in self.needs if shutil.which(each, path=SEARCHED) is None]
            return f"not installed: {', '.join(lacking)}" if lacking else None
        ready = self.folder / "ready"
        if ready.exists() and ready.read_text() == "\n".join(self.needs):
            return None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for command in self._list_commands():
            done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{command[0]} failed: {done.stderr[-300:]}")
        ready.write_text("\n".join(self.needs))
        return None

    def _list_commands(self) -> list[list[str]]:
        if self.origin == "npm":
            return [["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", ".", *self.needs]]
        pip = ["bin/pip", "install", "--quiet", "--disable-pip-version-check"]
        return [[sys.executable, "-m", "venv", "."], [*pip, *self.needs]]


SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/lib/cgit", "/usr/lib/git-core"))
