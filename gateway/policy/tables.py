"""TOML tables that know their lines, so that a fault in the policy file can be shown where it stands.

``tomllib`` gives values without positions. So the headers and keys are found again in the text; multi-line strings, in
which something could look like a header, have no place in a policy and are refused.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping

from gateway.policy.rules import PolicyInvalid

_HEADER = re.compile(r"\s*\[")
_RULE = re.compile(r"\s*\[\[\s*rule\s*\]\]\s*(#.*)?")
_UPSTREAMS = re.compile(r"\s*\[\s*upstreams\s*\]\s*(#.*)?")
_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")


class Table:
    """One table of the file. Each ``take_`` returns a value of its exact type, or raises PolicyInvalid at its line."""

    def __init__(self, file: str, lines: Mapping[int, str], values: Mapping[str, object]) -> None:
        self._file = file
        self._lines = lines
        self._left = dict(values)
        self.line = next(iter(lines), 1)

    def fault(self, key: str, reason: str) -> PolicyInvalid:
        """Return a fault at the line on which ``key`` stands."""
        is_key = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        line = next((number for number, text in self._lines.items() if is_key.match(text)), self.line)
        return PolicyInvalid(self._file, line, f"{key}: {reason}")

    def has(self, key: str) -> bool:
        """Tell whether the key is there and not taken yet."""
        return key in self._left

    def list_keys(self) -> list[str]:
        """Return the keys that are not taken yet."""
        return list(self._left)

    def take_text(self, key: str) -> str:
        """Return a text that must be there, and not be empty."""
        value = self._left.pop(key, None)
        if not isinstance(value, str) or not value:
            raise self.fault(key, "must be a text")
        return value

    def take_texts(self, key: str) -> list[str]:
        """Return one text or a list of texts, at least one."""
        value = self._left.pop(key, None)
        texts = value if isinstance(value, list) else [value]
        found = [text for text in texts if isinstance(text, str) and text]
        if not found or len(found) != len(texts):
            raise self.fault(key, "must be a text or a list of texts")
        return found

    def take_number(self, key: str) -> int:
        """Return a positive integer."""
        value = self._left.pop(key, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.fault(key, "must be a positive integer")
        return value

    def take_flag(self, key: str) -> bool:
        """Return true or false; false where the key is left out."""
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            raise self.fault(key, "must be true or false")
        return value

    def is_table(self, key: str) -> bool:
        """Tell whether the key's value is a table."""
        return isinstance(self._left.get(key), dict)

    def take_table(self, key: str) -> "Table":
        """Return an inline table, whose faults are shown at the line of ``key``."""
        value = self._left.pop(key, None)
        if not isinstance(value, dict):
            raise self.fault(key, "must be a table")
        place = self.fault(key, "").line
        return Table(self._file, {place: self._lines.get(place, "")}, value)

    def take_tables(self, key: str) -> list["Table"]:
        """Return a list of inline tables; none where the key is left out."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
            raise self.fault(key, "must be a list of tables")
        place = self.fault(key, "").line
        lines = {number: text for number, text in self._lines.items() if number >= place}
        return [Table(self._file, lines, member) for member in value]

    def refuse_rest(self) -> None:
        """Raise PolicyInvalid if there is a key that nobody took."""
        for key in self._left:
            raise self.fault(key, "unknown word")


def read_tables(text: str, file: str) -> tuple[Table, list[Table]]:
    """Return the table ``[upstreams]`` and the tables ``[[rule]]``, or raise PolicyInvalid."""
    values = _parse_toml(text, file)
    sections = _split_sections(text.split("\n"))
    upstreams, rules = values.pop("upstreams", {}), values.pop("rule", [])
    rule_lines = [lines for lines in sections if _RULE.fullmatch(lines[min(lines)])]
    upstream_lines = [lines for lines in sections if _UPSTREAMS.fullmatch(lines[min(lines)])]
    if values or len(sections) != len(rule_lines) + len(upstream_lines) + 1:
        raise PolicyInvalid(file, _first_unknown(sections), "only [upstreams] and [[rule]] stand in a policy")
    if not isinstance(rules, list) or not rules or len(rules) != len(rule_lines):
        raise PolicyInvalid(file, 1, "each rule stands under its own line [[rule]], and there is at least one")
    if not isinstance(upstreams, dict) or len(upstream_lines) != 1:
        raise PolicyInvalid(file, 1, "upstreams stand under one line [upstreams]")
    tables = [Table(file, lines, values) for lines, values in zip(rule_lines, rules, strict=True)]
    return Table(file, upstream_lines[0], upstreams), tables


def _parse_toml(text: str, file: str) -> dict[str, object]:
    for number, written in enumerate(text.split("\n"), 1):
        if '"""' in written or "'''" in written:
            raise PolicyInvalid(file, number, "a policy has no multi-line texts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise PolicyInvalid(file, 1, "too deeply nested") from None
    except ValueError as error:
        place = _PLACE.search(str(error))
        line = int(place.group(1)) if place else text.count("\n") + 1
        raise PolicyInvalid(file, line, _PLACE.sub("", str(error))) from None


def _split_sections(lines: Iterable[str]) -> list[dict[int, str]]:
    """Return the lines by number, cut before each header. The first section is what stands before all headers."""
    sections: list[dict[int, str]] = [{0: ""}]
    for number, line in enumerate(lines, 1):
        if _HEADER.match(line):
            sections.append({})
        sections[-1][number] = line
    return sections


def _first_unknown(sections: Iterable[Mapping[int, str]]) -> int:
    """Return the line of the first header or key that is neither of ours."""
    return next(
        (
            number
            for lines in sections
            for number, line in lines.items()
            if _is_unknown(line, before_headers=0 in lines)
        ),
        1,
    )


def _is_unknown(line: str, *, before_headers: bool) -> bool:
    if _HEADER.match(line):
        return not (_RULE.fullmatch(line) or _UPSTREAMS.fullmatch(line))
    return before_headers and bool(line.split("#", maxsplit=1)[0].strip())
