"""The policy file: TOML text in, a checked Policy out, or PolicyInvalid with the line that is wrong.

``schema`` defines what may stand in it. pydantic names the table and word of an error, and ``toml_lines`` their line.
``${POLICY_NAME}`` in any text is a variable of the environment. It is put in once the file is parsed, so whatever it
holds is text, and part of that one value. Addresses may name settings besides, which ``schema`` puts in; any other
``${NAME}`` is a slip.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.matching.matchers import compile_matcher
from gateway.policy.checks import RuleRefused, check_rules
from gateway.policy.rules import INTERNAL, NEVER_ROUTED, Policy, PolicyInvalid, Rule
from gateway.policy.schema import PolicyFile
from gateway.policy.tables import Table
from shared.toml_lines import KeyPath, TomlInvalid, get_line, list_lines, parse_toml

FileTable = TypeVar("FileTable", bound=Table)

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_OWN_NAME = re.compile(r"POLICY_[A-Z0-9_]+")

REASONS = {
    "value_error": "{error}",
    "missing": "is missing",
    "extra_forbidden": "unknown word",
    **dict.fromkeys(("enum", "literal_error"), "unknown word {input!r}; known are {expected}"),
    "bool_type": "must be true or false",
    **dict.fromkeys(("int_type", "greater_than_equal"), "must be a positive integer"),
    **dict.fromkeys(
        ("float_type", "greater_than", "less_than_equal"), "must be seconds, more than 0 and 86400 at most"
    ),
    **dict.fromkeys(("string_type", "string_too_short"), "must be a text"),
    **dict.fromkeys(("list_type", "too_short"), "must be a list of tables"),
    **dict.fromkeys(("model_type", "dict_type"), "must be a table"),
}
"""What pydantic's kinds of error are called here, where its own words are less plain."""

_REPLACED = {"own_credentials": '; it is authorization = "own" now'}
"""Words of earlier releases, and what says the same in this one."""


def load_policy(path: Path, settings: Mapping[str, str], served: Collection[str] | None = None) -> Policy:
    """Return the policy of a file; ``settings`` gives the values of ``${NAME}``, ``served`` the names of hosts."""
    return parse_policy(read_text(path), settings, str(path), served)


def parse_policy(
    text: str, settings: Mapping[str, str], file: str = "rules.toml", served: Collection[str] | None = None
) -> Policy:
    """Return the policy in a file's text; ``file`` is the name used in errors."""
    tables, lines = parse_tables(PolicyFile, text, file, settings)
    rules = tuple(
        rule.to_rule(get_line(lines, ("rule", index)), tables.upstreams.get(rule.upstream))
        for index, rule in enumerate(tables.rules)
    )
    policy = Policy(
        rules,
        tuple(upstream.to_upstream(name) for name, upstream in tables.upstreams.items()),
        tuple(map(compile_matcher, [*NEVER_ROUTED, *(prefix + INTERNAL for prefix in _list_prefixes(rules))])),
    )
    try:
        check_rules(policy, served)
    except RuleRefused as refusal:
        line = get_line(lines, ("rule", refusal.index, refusal.key or ""))
        raise PolicyInvalid(file, line, str(refusal)) from None
    return policy


def _list_prefixes(rules: Iterable[Rule]) -> list[str]:
    """Return what upstreams do not see of a path."""
    return sorted({rule.strip for rule in rules if rule.strip})


def read_text(path: Path) -> str:
    """Return the text of a file, or raise PolicyInvalid."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise PolicyInvalid(str(path), 1, "the file can't be read") from None


def parse_tables(
    kind: type[FileTable], text: str, file: str, context: Mapping[str, str]
) -> tuple[FileTable, dict[KeyPath, int]]:
    """Return what a file says, of the kind that is expected, and the line of each of its keys."""
    parsed = _parse_toml(text, file)
    lines = list_lines(text)
    try:
        words = cast("dict[str, object]", _put_in(parsed, context))
    except _VariableRefused as refusal:
        raise PolicyInvalid(file, get_line(lines, refusal.where), str(refusal)) from None
    try:
        return kind.model_validate(words, context=context), lines
    except ValidationError as invalid:
        raise _choose_error(invalid, words, lines, file) from None


def _parse_toml(text: str, file: str) -> dict[str, object]:
    try:
        return parse_toml(text)
    except TomlInvalid as fault:
        raise PolicyInvalid(file, fault.line, fault.reason) from None


class _VariableRefused(Exception):
    """What is wrong with a variable, and where the file names it."""

    def __init__(self, reason: str, where: KeyPath) -> None:
        self.where = where
        super().__init__(reason)


def _put_in(value: object, variables: Mapping[str, str], where: KeyPath = ()) -> object:
    """Return a value of the file with the variables in its texts replaced; raises _VariableRefused."""
    if isinstance(value, dict):
        return {name: _put_in(each, variables, (*where, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [_put_in(each, variables, (*where, at)) for at, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: _get_variable(match[1], variables, where), value)


def _get_variable(name: str, variables: Mapping[str, str], where: KeyPath) -> str:
    """Return what stands for a variable: in an address a setting stays for ``schema``. Raises _VariableRefused."""
    if _OWN_NAME.fullmatch(name):
        if name not in variables:
            raise _VariableRefused(f"there is no setting {name}", where)
        return variables[name]
    if not _is_address(where):
        reason = "is no variable that may stand here: their names begin with POLICY_, in capitals"
        raise _VariableRefused(f"${{{name}}} {reason}", where)
    return f"${{{name}}}"


def _is_address(where: KeyPath) -> bool:
    """Tell whether a key is an upstream's address, written in any way, or one of its addresses."""
    match where:
        case ("upstreams", _) | ("upstreams", _, int()) | ("upstreams", _, "address", *_):
            return True
    return False


def _choose_error(
    invalid: ValidationError, words: Mapping[str, object], lines: Mapping[KeyPath, int], file: str
) -> PolicyInvalid:
    """Return the first error in the file. A missing word comes last: it may be there, misspelt."""
    errors = [
        (error["type"] == "missing", get_line(lines, error["loc"]), _describe(error, words))
        for error in invalid.errors(include_url=False)
    ]
    _, line, reason = min(errors)
    return PolicyInvalid(file, line, reason)


def _describe(error: ErrorDetails, words: object) -> str:
    """Return the innermost key of the file that is wrong, and what is wrong with it."""
    key: str | int = ""
    for part in error["loc"]:  # besides keys of the file, pydantic puts marks of its own there
        if isinstance(words, dict) and part in words:
            key, words = part, words[part]
        elif isinstance(words, list) and isinstance(part, int):
            words = words[part]
    if error["type"] == "missing":
        key = error["loc"][-1]
    reason = REASONS.get(error["type"])
    if reason is None:
        return f"{key}: {error['msg'].replace('Input should be', 'must be')}"
    hint = _REPLACED.get(str(key), "") if error["type"] == "extra_forbidden" else ""
    return f"{key}: {reason.format(input=error['input'], **error.get('ctx', {}))}{hint}"
