"""What the command line prints: tables for people, JSON for programs. Pure.

Names that users typed are shown without the characters that a terminal would obey.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from shared.language.visible_text import make_visible

Cell: TypeAlias = str | int | uuid.UUID | dt.datetime | Sequence[str] | None
Record: TypeAlias = Mapping[str, Cell]
GAP = "  "


def draw(found: Record | Sequence[Record]) -> str:
    """Return a list as a table with a line per record, and one record with a line per member."""
    if isinstance(found, Mapping):
        return _align([(name, _say(cell)) for name, cell in found.items()])
    if not found:
        return "none"
    return _align([tuple(name.upper() for name in found[0]), *(tuple(map(_say, record.values())) for record in found)])


def write_json(found: Mapping[str, object] | Sequence[Record]) -> str:
    """Return the same as JSON, in which characters that a terminal would obey are escaped."""
    return make_visible(json.dumps(found, default=_write_cell, ensure_ascii=False, indent=2), keep="\n")


class GrowingTable:
    """A table whose lines are not known yet: a column gets as wide as what was seen in it."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def draw_next(self, record: Record) -> str:
        """Return the next line, the first one below a header."""
        lines = [] if self._widths else [[name.upper() for name in record]]
        lines.append([_say(cell) for cell in record.values()])
        known = self._widths or [0] * len(record)
        self._widths = [
            max(width, *map(len, column)) for width, column in zip(known, zip(*lines, strict=True), strict=True)
        ]
        return "\n".join(_pad(line, self._widths) for line in lines)


def write_json_line(record: Record) -> str:
    """Return a record as one line of JSON."""
    return make_visible(json.dumps(record, default=_write_cell, ensure_ascii=False))


def _align(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_pad(line, widths) for line in lines)


def _pad(line: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _say(cell: Cell) -> str:
    if isinstance(cell, dt.datetime):
        return f"{cell.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
    if cell is None:
        return "-"
    text = str(cell) if isinstance(cell, (str, int, uuid.UUID)) else ", ".join(cell) or "-"
    return "".join(character if character.isprintable() else "?" for character in text)


def _write_cell(cell: object) -> str:
    if isinstance(cell, dt.datetime):
        return cell.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(cell)
