"""The lines of a TOML file: where each header and key stands, so that an error can name its line. Pure.

``tomllib`` says where a text is no TOML, but gives the values of a good one without positions.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where something stands: the keys and indexes that lead there, as pydantic gives them."""

_POSITION = re.compile(r" \(at line (\d+), column \d+\)$")


class TomlInvalid(ValueError):
    """A text that is no TOML: the line, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def parse_toml(text: str) -> dict[str, object]:
    """Return what a text says; raises TomlInvalid."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlInvalid(1, "too deeply nested") from None
    except ValueError as error:
        position = _POSITION.search(str(error))
        line = int(position[1]) if position else text.count("\n") + 1
        raise TomlInvalid(line, _POSITION.sub("", str(error))) from None


def list_lines(text: str) -> dict[KeyPath, int]:
    """Return the line on which each header and key of a valid TOML text stands.

    A statement is as many lines as ``tomllib`` needs to make sense of them: it reads each by itself.
    """
    lines: dict[KeyPath, int] = {}
    newest: dict[KeyPath, int] = {}  # the index of the newest table of each array of tables
    table: KeyPath = ()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except ValueError:
            continue
        if statement.lstrip().startswith("["):
            key_path = table = _read_key_path(parsed, newest)
        else:
            key_path = (*table, *_read_key_path(parsed, {}))
        for depth in range(len(key_path)):
            lines.setdefault(key_path[: depth + 1], first)
        statement, first = "", number + 1
    return lines


def _read_key_path(parsed: object, newest: dict[KeyPath, int]) -> KeyPath:
    """Return the keys that lead to the table or value of one statement, as ``tomllib`` parsed it."""
    key_path: KeyPath = ()
    while isinstance(parsed, dict) and len(parsed) == 1:
        [(key, parsed)] = parsed.items()
        key_path = (*key_path, key)
        if isinstance(parsed, list):
            newest[key_path] = newest.get(key_path, -1) + 1
        if key_path in newest:
            key_path = (*key_path, newest[key_path])
    return key_path


def get_line(lines: Mapping[KeyPath, int], key_path: KeyPath) -> int:
    """Return the line on which a key stands, or else the nearest thing around it."""
    while key_path and key_path not in lines:
        key_path = key_path[:-1]
    return lines.get(key_path, 1)
