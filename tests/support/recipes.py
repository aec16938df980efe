"""The recipes of ``docs/behind-the-gateway.md``, each of which a test follows with the real program.

A recipe is a section of the page. Its ``toml`` blocks are what goes into the policy: below ``[upstreams]``, and at the
end. Its ``sh`` block starts the program, in the folder of the recipe's files. Only the port is another here. What the
programs are is in ``tests/behind_the_gateway``.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import next_auth_package
from tests.support.node import install_packages
from tests.support.ports import wait_until_it_listens
from tests.support.running_stack import ROOT

Operate = Callable[..., None]
"""Runs a command of the operators' on the stack."""

PAGE = ROOT / "docs" / "behind-the-gateway.md"
FILES = ROOT / "docs" / "behind-the-gateway"
PACKAGES = ROOT / "tests" / "behind_the_gateway"
PROGRAMS = PACKAGES / ".venv" / "bin"
ELSEWHERE = {"nextjs": next_auth_package.FOLDER}
"""Recipes whose packages other tests have, too."""
PREPARE_DEADLINE = 900  # seconds
STOP_DEADLINE = 10

TITLES = {
    "radicale": "Radicale",
    "flask-login": "Flask with Flask-Login",
    "django-rest": "Django REST framework with SimpleJWT",
    "npm-registry": "An npm registry",
    "event-stream": "An event stream",
    "jupyter": "Jupyter",
    "nextjs": "A Next.js server",
    "vite": "A Vite build",
    "copyparty": "Who it is, by header",
}
"""What the recipes are called, by their folders."""

_POSTS = re.compile(r"^# --- Posts -.*?(?=^# --- )", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the page says of one program, which listens on ``port`` there, and where its files are."""

    folder: Path
    upstream: str
    rules: str
    commands: Sequence[str]
    port: int


def read_recipe(folder: str) -> Recipe:
    """Return the recipe whose files are in this folder."""
    title = TITLES[folder]
    section = PAGE.read_text().partition(f"\n### {title}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    blocks = _BLOCK.findall(section)
    upstream, rules = (text for language, text in blocks if language == "toml")
    (commands,) = (text for language, text in blocks if language == "sh")
    (port,) = _ADDRESS.findall(upstream)
    return Recipe(FILES / folder, upstream, rules, tuple(commands.replace("\\\n", "").splitlines()), int(port))


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs: its own URL, past the gateway, and the folder it runs in, a copy of the recipe's."""

    url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Recipes:
    """All recipes, and the ports that their programs have here."""

    ports: Mapping[str, int]

    def compose_policy(self) -> str:
        """Return the policy that ships, without posts, and with all recipes."""
        shipped = (ROOT / "gateway" / "rules.toml").read_text()
        policy = _POSTS.sub("", shipped)
        assert policy != shipped
        recipes = [(read_recipe(folder), port) for folder, port in self.ports.items()]
        upstreams = "".join(_move(recipe.upstream, recipe, port) for recipe, port in recipes)
        rules = "\n".join(recipe.rules for recipe, _ in recipes)
        return policy.replace("[upstreams]\n", f"[upstreams]\n{upstreams}") + rules

    @contextlib.contextmanager
    def running(self, name: str, *options: str, **settings: str) -> Iterator[Running]:
        """Give the program of the recipe in a folder of this name; skip where it isn't installed.

        Its last command has these further options, and its environment these settings.
        """
        if not PROGRAMS.exists():
            pytest.skip(f"`make {PACKAGES.relative_to(ROOT)}/.venv/ready` has not been run")
        recipe, port, packages = read_recipe(name), self.ports[name], ELSEWHERE.get(name, PACKAGES)
        install_packages(packages)
        path = f"{PROGRAMS}:{packages}/node_modules/.bin:{os.environ['PATH']}"
        *before, last = [_move(command, recipe, port) for command in recipe.commands]
        # Below the packages, where node looks for them.
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory(prefix="recipe-", dir=packages) as made:
            folder = Path(made)
            shutil.copytree(recipe.folder, folder, dirs_exist_ok=True)
            environment = _without_proxies() | {"PATH": path, "HOME": home, **settings}
            for command in before:
                _prepare(command, folder, environment)
            with _started(" ".join([last, *options]), folder, environment, port):
                yield Running(f"http://127.0.0.1:{port}", folder)


@contextlib.contextmanager
def _started(command: str, folder: Path, environment: Mapping[str, str], port: int) -> Iterator[None]:
    log = Path(environment["HOME"]) / "program.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until_it_listens(process, port, log)
        yield
    finally:
        _stop(process)


def _move(text: str, recipe: Recipe, port: int) -> str:
    return text.replace(str(recipe.port), str(port))


def _without_proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _prepare(command: str, folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PREPARE_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
