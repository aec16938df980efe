"""What the command line prints."""

import datetime as dt
import json
import uuid

from shared.command_line.text_tables import draw, write_json

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def test_a_list_is_a_table() -> None:
    """Columns are as wide as their contents; an unknown value is a dash, and no line ends in blanks."""
    assert draw([{"id": 1, "name": "Ada Lovelace", "at": NOON}, {"id": 20, "name": "Eve", "at": None}]) == (
        "ID  NAME          AT\n1   Ada Lovelace  2026-11-24 12:00:00\n20  Eve           -"
    )
    assert draw([]) == "none"


def test_one_record_is_a_line_for_each_member() -> None:
    """A single record is shown member by member."""
    assert draw({"id": 1, "roles": ["admin", "editor"]}) == "id     1\nroles  admin, editor"


def test_a_name_gives_a_terminal_no_orders() -> None:
    """Control characters and escapes in what a user typed are not sent to the terminal."""
    assert draw({"name": "\x1b[2J\u202eeve\x07"}) == "name  ?[2J?eve?"


def test_json_gives_a_terminal_no_orders() -> None:
    """In JSON they are escaped, so that a program reads what was typed and a terminal obeys none of it."""
    name = "\x1b[2J\u202eeve\x07\x7f\u200b\U000e0001\u2028 Ōe"
    written = write_json([{"name": name}])
    assert written.replace("\n", "").isprintable()
    assert "Ōe" in written
    assert json.loads(written) == [{"name": name}]


def test_json_is_for_programs() -> None:
    """JSON has times in RFC 3339 and UUIDs as text."""
    found = json.loads(write_json([{"id": uuid.UUID(int=1), "at": NOON, "name": "Ōe", "address": None}]))
    assert found == [{"id": str(uuid.UUID(int=1)), "at": "2026-11-24T12:00:00Z", "name": "Ōe", "address": None}]
