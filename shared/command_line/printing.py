"""Printing what a command found: at once, or as it comes."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.command_line.text_tables import GrowingTable, Record, draw, write_json, write_json_line


@dataclass(frozen=True, slots=True)
class Document:
    """What is no table, and so printed as JSON in any case."""

    members: Mapping[str, object]


Stream: TypeAlias = AsyncIterator[Record]
"""Records that are printed as they come."""
Found: TypeAlias = Record | Sequence[Record] | Document | Stream


def print_found(found: Record | Sequence[Record] | Document, *, is_json: bool) -> None:
    """Print what was found."""
    if isinstance(found, Document):
        _print(write_json(found.members))
    else:
        _print(write_json(found) if is_json else draw(found))


async def print_stream(found: Stream, *, is_json: bool) -> None:
    """Print each record as it comes, with ``is_json`` as a line of JSON, until nobody reads any more."""
    table = GrowingTable()
    async for record in found:
        if not _print(write_json_line(record) if is_json else table.draw_next(record)):
            return


def _print(text: str) -> bool:
    """Print a text; tell whether anybody reads it. Python would else complain once more when it ends."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
