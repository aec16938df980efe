"""The policy file: TOML text in, a checked Policy out, or PolicyInvalid with the line at fault.

``schema`` tells what may stand in it. pydantic tells in which table and word a fault is, and ``list_lines`` on which
line these stand: ``tomllib`` gives values without positions.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.matching.matchers import compile_matcher
from gateway.policy.checks import RuleRefused, check_rules
from gateway.policy.rules import NEVER_ROUTED, Policy, PolicyInvalid
from gateway.policy.schema import PolicyFile

Place: TypeAlias = tuple[str | int, ...]
"""Where something stands: the keys and indexes that lead there, as pydantic gives them."""

REASONS = {
    "value_error": "{error}",
    "missing": "is missing",
    "extra_forbidden": "unknown word",
    **dict.fromkeys(("enum", "literal_error"), "unknown word {input!r}; known are {expected}"),
    "bool_type": "must be true or false",
    **dict.fromkeys(("int_type", "greater_than_equal"), "must be a positive integer"),
    **dict.fromkeys(("string_type", "string_too_short"), "must be a text"),
    **dict.fromkeys(("list_type", "too_short"), "must be a list of tables"),
    **dict.fromkeys(("model_type", "dict_type"), "must be a table"),
}
"""What pydantic's kinds of error are called here, where its own words are not as plain."""

_SYNTAX_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")


def load_policy(path: Path, settings: Mapping[str, str]) -> Policy:
    """Return the policy of a file; ``settings`` gives the values of ``${NAME}``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise PolicyInvalid(str(path), 1, "the file can't be read") from None
    return parse_policy(text, settings, str(path))


def parse_policy(text: str, settings: Mapping[str, str], file: str = "rules.toml") -> Policy:
    """Return the policy that a file's text says; ``file`` is its name in faults."""
    words = _parse_toml(text, file)
    lines = list_lines(text)
    try:
        tables = PolicyFile.model_validate(words, context=settings)
    except ValidationError as invalid:
        raise _choose_fault(invalid, words, lines, file) from None
    policy = Policy(
        tuple(rule.to_rule(_find_line(lines, ("rule", index))) for index, rule in enumerate(tables.rules)),
        tuple(upstream.to_upstream(name) for name, upstream in tables.upstreams.items()),
        tuple(compile_matcher(source) for source in NEVER_ROUTED),
    )
    try:
        check_rules(policy)
    except RuleRefused as refusal:
        line = _find_line(lines, ("rule", refusal.index, refusal.key or ""))
        raise PolicyInvalid(file, line, str(refusal)) from None
    return policy


def list_lines(text: str) -> dict[Place, int]:
    """Return the line on which each header and key of a valid TOML text stands.

    A statement is as many lines as ``tomllib`` needs to make sense of them: it reads each by itself.
    """
    lines: dict[Place, int] = {}
    newest: dict[Place, int] = {}  # the index of the newest table of each array of tables
    table: Place = ()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            said = tomllib.loads(statement)
        except ValueError:
            continue
        if statement.lstrip().startswith("["):
            place = table = _read_place(said, newest)
        else:
            place = (*table, *_read_place(said, {}))
        for depth in range(len(place)):
            lines.setdefault(place[: depth + 1], first)
        statement, first = "", number + 1
    return lines


def _read_place(said: object, newest: dict[Place, int]) -> Place:
    """Return where the table or value of one statement stands, of which ``tomllib`` made ``said``."""
    place: Place = ()
    while isinstance(said, dict) and len(said) == 1:
        [(key, said)] = said.items()
        place = (*place, key)
        if isinstance(said, list):
            newest[place] = newest.get(place, -1) + 1
        if place in newest:
            place = (*place, newest[place])
    return place


def _find_line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of a place, or of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _parse_toml(text: str, file: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise PolicyInvalid(file, 1, "too deeply nested") from None
    except ValueError as error:
        place = _SYNTAX_PLACE.search(str(error))
        line = int(place.group(1)) if place else text.count("\n") + 1
        raise PolicyInvalid(file, line, _SYNTAX_PLACE.sub("", str(error))) from None


def _choose_fault(
    invalid: ValidationError, words: Mapping[str, object], lines: Mapping[Place, int], file: str
) -> PolicyInvalid:
    """Return the first fault of the file. That a word is missing comes last: it may be there, misspelt."""
    faults = [
        (error["type"] == "missing", _find_line(lines, error["loc"]), _describe(error, words))
        for error in invalid.errors(include_url=False)
    ]
    _, line, reason = min(faults)
    return PolicyInvalid(file, line, reason)


def _describe(error: ErrorDetails, words: object) -> str:
    """Return the innermost key of the file that has the fault, and what is wrong with it."""
    key: str | int = ""
    for part in error["loc"]:  # beside what is in the file, pydantic puts marks of its own there
        if isinstance(words, dict) and part in words:
            key, words = part, words[part]
        elif isinstance(words, list) and isinstance(part, int):
            words = words[part]
    if error["type"] == "missing":
        key = error["loc"][-1]
    reason = REASONS.get(error["type"])
    if reason is None:
        return f"{key}: {error['msg'].replace('Input should be', 'must be')}"
    return f"{key}: {reason.format(input=error['input'], **error.get('ctx', {}))}"
