"""The source as the laws of the house see it: modules, and what they import, name and run on import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stack import services

ROOT = Path(__file__).parents[2]
SERVICES = tuple(service.name for service in services.SERVICES)
PACKAGES = (*SERVICES, "shared", "stack")


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path

    @property
    def name(self) -> str:
        """The path below the root, as one writes it: ``shared/tokens/signed.py``."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        """The folder that it stands in."""
        return self.name.partition("/")[0]

    @cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The dotted names of all that is imported, wherever in the file: ``shared.tokens.signed``, ``jose.jws``."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports relatively"
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return frozenset(found)

    def imports_any(self, library: str) -> bool:
        """Tell whether something of a library, or of a module, is imported."""
        return any(name == library or name.startswith(f"{library}.") for name in self.imports)

    def names(self) -> set[str]:
        """Return all dotted names in the code, and all that is imported."""
        used = {ast.unparse(node) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        return used | self.imports

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Give all functions and methods."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def statements(self, within: ast.AST | None = None) -> Iterator[tuple[int, ast.expr]]:
        """Give the line and first argument of each call that runs SQL, in the whole file or within a part of it."""
        runs = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare", "copy_from_query"}
        for node in ast.walk(within or self.tree):
            match node:
                case ast.Call(func=ast.Attribute(attr=name), args=[statement, *_]) if name in runs:
                    yield node.lineno, statement


def list_modules(*folders: str) -> list[Module]:
    """Return the modules of some folders, or of all packages."""
    paths = (path for folder in folders or PACKAGES for path in sorted((ROOT / folder).rglob("*.py")))
    return [Module(path) for path in paths if not is_installed(path)]


def is_installed(path: Path) -> bool:
    """Tell whether a file is a library's: in the virtual environment of a program that is measured or shown here."""
    return bool({".venv", "node_modules"} & set(path.relative_to(ROOT).parts))


# Everything is imported once, so that the libraries are there; then ours again, and now whatever happens is ours.
_WATCHED_IMPORT = """
import importlib, os, sys, threading
names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
ours = {name.partition(".")[0] for name in names}
for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
    del sys.modules[name]

def tell(name):
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") == "os":
        frame = frame.f_back
    if frame.f_globals.get("__name__", "").partition(".")[0] in ours:  # libraries may do as they like
        print("reads the environment:", frame.f_globals["__name__"], name)

class Watched(dict):
    def __getitem__(self, name):
        tell(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        tell(name)
        return super().get(name, default)
    def __contains__(self, name):
        tell(name)
        return super().__contains__(name)
    def __iter__(self):
        tell("all of it")
        return super().__iter__()

def watch(event, facts):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.fork", "os.exec", "os.putenv", "shutil.")):
        print("does", event)
    if event == "open" and isinstance(facts[1], str) and set(facts[1]) & set("wax+"):
        print("writes", facts[0])

os.environ = Watched(os.environ)
threads = threading.active_count()
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
if threading.active_count() != threads:
    print("starts a thread")
"""


def watch_imports(names: list[str]) -> list[str]:
    """Return what happens, besides definitions, when modules are imported: one line for each thing."""
    command = [sys.executable, "-B", "-c", _WATCHED_IMPORT, *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
