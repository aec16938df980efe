"""The policy file: TOML text in, a checked Policy out, or PolicyInvalid with the line that is wrong.

``schema`` defines what may stand in it. pydantic names the table and word of an error, and ``toml_lines`` their line.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.matching.matchers import compile_matcher
from gateway.policy.checks import RuleRefused, check_rules
from gateway.policy.rules import NEVER_ROUTED, Policy, PolicyInvalid
from gateway.policy.schema import PolicyFile
from gateway.policy.tables import Table
from shared.toml_lines import KeyPath, TomlInvalid, get_line, list_lines, parse_toml

FileTable = TypeVar("FileTable", bound=Table)

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


def load_policy(path: Path, settings: Mapping[str, str], served: Collection[str] | None = None) -> Policy:
    """Return the policy of a file; ``settings`` gives the values of ``${NAME}``, ``served`` the names of hosts."""
    return parse_policy(read_text(path), settings, str(path), served)


def parse_policy(
    text: str, settings: Mapping[str, str], file: str = "rules.toml", served: Collection[str] | None = None
) -> Policy:
    """Return the policy in a file's text; ``file`` is the name used in errors."""
    tables, lines = parse_tables(PolicyFile, text, file, settings)
    policy = Policy(
        tuple(rule.to_rule(get_line(lines, ("rule", index))) for index, rule in enumerate(tables.rules)),
        tuple(upstream.to_upstream(name) for name, upstream in tables.upstreams.items()),
        tuple(compile_matcher(source) for source in NEVER_ROUTED),
    )
    try:
        check_rules(policy, served)
    except RuleRefused as refusal:
        line = get_line(lines, ("rule", refusal.index, refusal.key or ""))
        raise PolicyInvalid(file, line, str(refusal)) from None
    return policy


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
    words = _parse_toml(text, file)
    lines = list_lines(text)
    try:
        return kind.model_validate(words, context=context), lines
    except ValidationError as invalid:
        raise _choose_error(invalid, words, lines, file) from None


def _parse_toml(text: str, file: str) -> dict[str, object]:
    try:
        return parse_toml(text)
    except TomlInvalid as fault:
        raise PolicyInvalid(file, fault.line, fault.reason) from None


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
    return f"{key}: {reason.format(input=error['input'], **error.get('ctx', {}))}"
