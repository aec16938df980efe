"""``make messages``: bring the catalogues up to date with what templates and code say to people.

A text that is new is added with an empty translation, which a test then asks for; one that is gone is taken out.
Translations, their order and the head of a catalogue stay as they are.
"""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from shared import errors
from shared.language.translations import CATALOGUES

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", *sorted(path.name for path in ROOT.glob("*_service")), "gateway")
TEMPLATES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("templates/*.*"))]

_ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
_MARKS = {"Sentence", "PathRefused", *_ERRORS}


def main() -> None:
    """Update all catalogues in place."""
    texts = list_texts()
    for path in sorted(CATALOGUES.glob("*.po")):
        updated = update_catalogue(path.read_text(encoding="utf-8"), texts)
        path.write_text(updated, encoding="utf-8")
        lacking = sum(1 for message in read_po(io.StringIO(updated)) if message.id and not message.string)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {lacking} texts to translate\n")


def list_texts() -> list[str]:
    """Return the texts of all templates and the sentences of all modules, each once, in their order."""
    of_templates = (text for path in TEMPLATES for text in _texts_of_template(path))
    of_modules = (text for path in _list_modules() for text in _sentences_of(path))
    return list(dict.fromkeys((*of_templates, *of_modules)))


def list_unmarked_formats() -> list[str]:
    """Return where an error is raised with a text put together on the spot, which no catalogue can have."""
    calls = [(path, call) for path in _list_modules() for call in _marked_calls(ast.parse(path.read_text()))]
    return [f"{path}:{call.lineno}" for path, call in calls if call.args and isinstance(call.args[0], ast.JoinedStr)]


def update_catalogue(old: str, texts: list[str]) -> str:
    """Return the text of a catalogue with just these texts, and the translations that it had."""
    head, _, _ = old.partition("\n\n")
    known = {message.id: message for message in read_po(io.StringIO(old)) if message.id}
    added = [text for text in texts if text not in known]
    catalogue = Catalog()
    for text in (*(text for text in known if text in texts), *added):
        catalogue.add(text, known[text].string if text in known else "")
    body = io.BytesIO()
    write_po(body, catalogue, width=0, no_location=True, omit_header=True)
    return f"{head}\n\n{body.getvalue().decode().strip()}\n"


def _list_modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _texts_of_template(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for _, _, found, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), {}):
            text = found[0] if isinstance(found, tuple) else found  # a tuple: values follow
            assert text is not None
            yield text


def _sentences_of(path: Path) -> Iterator[str]:
    """Yield first arguments of marked calls, ``sentence = "..."`` of errors, and what a schema refuses a value with."""
    marks = _MARKS | {"ValueError"} if path.name == "schemas.py" else _MARKS
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


if __name__ == "__main__":
    main()
