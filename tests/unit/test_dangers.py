"""What no service may do, because it has gone wrong too often elsewhere: read off the source."""

import ast
import re

import pytest

from tests.support.house import ROOT, SERVICES, Module, list_modules

MODULES = list_modules("shared", *SERVICES)


def name_calls(module: Module) -> set[str]:
    """Return what a module calls, dotted as it stands there."""
    called = {ast.unparse(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    return {name for name in called if "(" not in name}


def test_no_service_starts_a_program() -> None:
    """No service starts a program, so there is no command line to inject into."""
    libraries = ("subprocess", "pty", "shlex", "multiprocessing")
    starters = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork")
    assert not [module.name for module in MODULES if any(map(module.imports_any, libraries))]
    calls = [(module.name, call) for module in MODULES for call in name_calls(module)]
    assert not [each for each in calls if each[1].startswith(starters)]


def test_no_service_runs_text() -> None:
    """No service runs text as code or as a template: templates are files that come with it."""
    calls = [(module.name, call) for module in MODULES for call in name_calls(module)]
    assert not [each for each in calls if each[1] in {"eval", "exec", "compile", "__import__", "Template"}]
    assert not [each for each in calls if each[1].endswith((".from_string", ".import_module"))]


@pytest.mark.parametrize("library", ["pickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "jsonpickle"])
def test_no_service_reads_what_builds_objects(library: str) -> None:
    """No service reads a format that can build objects or fetch entities: JSON and forms only."""
    assert not [module.name for module in MODULES if module.imports_any(library)]


def test_no_weak_hash_or_dice() -> None:
    """Nothing that matters is hashed with MD5 or SHA-1 or drawn from ``random``; what needs neither is listed here."""
    harmless = {
        ("auth_service/passwords/breached.py", "hashlib.sha1"),  # the form of the list that is looked up
        ("gateway/websockets/handshake.py", "hashlib.sha1"),  # RFC 6455 has it, and not for security
        ("shared/auth_events/follower.py", "random.uniform"),
        ("shared/postgres/housekeeping.py", "random.uniform"),  # how long to wait
    }
    found = {(module.name, call) for module in MODULES for call in name_calls(module)}
    weak = {each for each in found if each[1].startswith(("hashlib.md5", "hashlib.sha1", "hashlib.new", "random."))}
    assert weak == harmless


def test_answers_are_for_other_origins_by_a_rule_alone() -> None:
    """Nothing opens an answer to pages of other origins (CORS) but the word of a rule, which one module puts so."""
    opening = [module.name for module in MODULES if "access-control" in module.text.lower()]
    assert opening == ["gateway/policy/cors.py"]


def test_no_account_ships() -> None:
    """No migration creates a user: the first account is the one that somebody signs up for."""
    migrations = list((ROOT / "auth_service").rglob("migrations/*.sql"))
    assert migrations
    assert not [path.name for path in migrations if re.search(r"\b(?:INTO|COPY)\s+users\b", path.read_text())]
