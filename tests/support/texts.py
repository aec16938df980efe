"""Everything that a page can say in a fixed text: read off the templates and off the source."""

import ast
from collections.abc import Iterator

import jinja2
from jinja2.ext import extract_from_ast

from shared import errors
from tests.support.house import ROOT, Module, list_modules

PACKAGES = ("shared", "auth_service", "posts_service", "gateway")
TEMPLATES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("templates/*.html"))]
ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)

_ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
_MARKS = {"Sentence", "PathRefused", *_ERRORS}


def list_texts() -> set[str]:
    """Return the texts of all templates and the sentences of all modules."""
    of_templates = {text for path in TEMPLATES for text in _texts_of_template(path.read_text())}
    return of_templates | {text for module in _modules() for text in _sentences_of(module.name, module.tree)}


def list_unmarked_formats() -> list[str]:
    """Return where an error is raised with a text put together on the spot, which no catalogue can have."""
    calls = [(module.name, call) for module in _modules() for call in _marked_calls(module.tree)]
    return [f"{name}:{call.lineno}" for name, call in calls if call.args and isinstance(call.args[0], ast.JoinedStr)]


def _modules() -> list[Module]:
    return [module for module in list_modules() if module.package in PACKAGES]


def _texts_of_template(source: str) -> Iterator[str]:
    for _, _, found in extract_from_ast(ENVIRONMENT.parse(source)):
        text = found[0] if isinstance(found, tuple) else found  # a tuple: values follow
        assert text is not None
        yield text


def _sentences_of(name: str, tree: ast.AST) -> Iterator[str]:
    """Yield first arguments of marked calls, ``sentence = "..."`` of errors, and what a schema refuses a value with."""
    marks = _MARKS | {"ValueError"} if name.endswith("/schemas.py") else _MARKS
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node) in marks and node.args and _is_text(node.args[0]):
            yield ast.literal_eval(node.args[0])
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_text(node.value) and _assigns_sentence(node):
            assert node.value is not None
            yield ast.literal_eval(node.value)


def _marked_calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name_of(node) in _MARKS]


def _name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _assigns_sentence(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "sentence" for target in targets)
