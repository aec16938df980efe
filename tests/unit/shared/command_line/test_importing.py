"""A file of JSON lines, read piece by piece."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.command_line import importing
from shared.command_line.importing import (
    Importer,
    Line,
    Stored,
    Tally,
    get_text,
    import_lines,
    read_lines,
    read_members,
)
from shared.errors import Invalid
from shared.web.schemas import Body

LONGEST = 5
MARK = b"\xef\xbb\xbf"
LINES = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b" ").removeprefix(MARK))


class Fruit(Body):
    """What the tests import."""

    name: str


@given(st.lists(LINES, max_size=8), st.booleans())
def test_lines_are_those_of_the_file(lines: list[bytes], is_ended: bool) -> None:  # noqa: FBT001 - drawn
    """Each line is given with its number; one that is too long as None, in pieces; the position ends at the end."""
    text = b"\n".join(lines) + (b"\n" if is_ended else b"")
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    read = list(read_lines(io.BytesIO(text), LONGEST))
    assert [number for number, _, _ in read] == list(range(1, len(expected) + 1))
    assert [line if line is None else line.rstrip(b"\n") for _, line, _ in read] == [
        line if len(line) <= LONGEST else None for line in expected
    ]
    assert not read or read[-1][2] == len(text)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """Some programs for Windows put one first."""
    lines = [line for _, line, _ in read_lines(io.BytesIO(MARK + b"ab\n" + MARK + b"c"), 9)]
    assert lines == [b"ab\n", MARK + b"c"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "line is not JSON"),
        (b"[]", "line must be an object"),
        (b"{}", "name is required"),
        (b'{"name": 1}', "name must be text"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, fault: str) -> None:
    """The reason names the member, or the line."""
    with pytest.raises(Invalid) as refused:
        read_members(Fruit, line)
    assert importing.say(refused.value) == fault


@given(st.binary() | st.dictionaries(st.just("name") | st.text(), st.text()).map(lambda m: json.dumps(m).encode()))
def test_a_text_is_found_in_any_line(line: bytes) -> None:
    """Whatever the line, its member's text is found, or nothing."""
    assert isinstance(get_text(line, "name"), str)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
async def test_every_line_is_counted_once(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored, there already, or skipped by the reader or by the store: wherever batches end, in the file's order."""
    monkeypatch.setattr(importing, "BATCH", batch)
    names = ["apple", "pear", "stone", "fig", "pear", "plum"]
    file = tmp_path / "fruit.jsonl"
    file.write_text("".join(f'{{"name": "{name}"}}\n' for name in names) + "\nno JSON\n")
    stored: list[str] = []

    async def store(lines: Sequence[Line[Fruit]]) -> Stored[Fruit]:
        new = [line for line in lines if line.item.name not in {*stored, "stone", "pear"}]
        stored.extend(line.item.name for line in new)
        return Stored(len(new), [(line, "is no fruit") for line in lines if line.item.name == "stone"])

    importer = Importer(lambda line: read_members(Fruit, line), "name", lambda fruit: fruit.name, 100, store)
    assert await import_lines(str(file), importer) == Tally(lines=7, imported=3, present=2, skipped=2)
    assert stored == ["apple", "fig", "plum"]
