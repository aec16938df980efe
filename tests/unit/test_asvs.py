"""``docs/asvs.md``: no check of the standard is left out, and what it names exists."""

import ast
import csv
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.support.house import ROOT

PAGE = (ROOT / "docs" / "asvs.md").read_text()

# The ids and levels of all 345 requirements, as they stand in the standard's own table of the release: 5.0.0_en.csv in
# the folder 5.0/docs_en of the repository OWASP/ASVS (CC BY-SA 4.0), of which these are the columns req_id and L.
TABLE = ROOT / "tests" / "support" / "asvs_5.0.0.csv"
LEVELS = {row["req_id"].removeprefix("V"): row["L"] for row in csv.DictReader(TABLE.read_text().splitlines())}
WHOLE_SECTIONS = {"6.7", "4.3", "10.3", "10.4", "10.6", "10.7"}  # those that apply to nothing here
WHOLE_CHAPTERS = {"V5", "V17"}


@dataclass(frozen=True, slots=True)
class Row:
    """One check in the page."""

    check: str
    level: str
    shown_by: str

    @property
    def tests(self) -> list[str]:
        """The tests that it names."""
        return re.findall(r"`(\w[\w/]*\.py::\w+)`", self.shown_by)

    @property
    def verdict(self) -> str:
        """How far it holds."""
        words = re.match(r"\*\*(In part|Not held)\*\*", self.shown_by)
        return words[1].lower() if words else "held"


def read_rows() -> list[Row]:
    """Return the rows of all chapters."""
    cells = [
        line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \| [12] \|", line)
    ]
    return [Row(check, level, shown_by) for check, level, _, shown_by in cells]


def read_exclusions() -> list[str]:
    """Return the checks, sections and chapters that do not apply."""
    table = PAGE.partition("## What does not apply")[2]
    rows = [line for line in table.splitlines() if re.match(r"\| [V\d]", line)]
    return [word for row in rows for word in row.split("|")[1].split()]


ROWS = read_rows()
EXCLUSIONS = read_exclusions()


def list_checks() -> dict[str, str]:
    """Return the level of each check of levels 1 and 2 outside of what is left out as a whole."""
    return {check: level for check, level in LEVELS.items() if level in {"1", "2"} and not is_left_out(check)}


def is_left_out(check: str) -> bool:
    """Tell whether a check belongs to a chapter or a section that applies to nothing here."""
    chapter, _, _ = check.partition(".")
    section, _, _ = check.rpartition(".")
    return f"V{chapter}" in WHOLE_CHAPTERS or section in WHOLE_SECTIONS


def test_the_table_is_the_release() -> None:
    """The copy of the standard's table has as many requirements of each level as version 5.0.0."""
    assert Counter(LEVELS.values()) == {"1": 70, "2": 183, "3": 92}


def test_no_check_is_left_out() -> None:
    """Each check of levels 1 and 2 stands in the page once: in its chapter, or among those that do not apply."""
    excluded = set(EXCLUSIONS) - WHOLE_SECTIONS - WHOLE_CHAPTERS
    named = Counter([row.check for row in ROWS]) + Counter(excluded)
    assert not [check for check, times in named.items() if times > 1]
    assert set(named) == set(list_checks())
    assert set(EXCLUSIONS) >= WHOLE_SECTIONS | WHOLE_CHAPTERS


def test_levels_are_the_standards() -> None:
    """The page gives each check the level that it has."""
    checks = list_checks()
    assert not [row.check for row in ROWS if checks[row.check] != row.level]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.check)
def test_what_shows_a_check_exists(row: Row) -> None:
    """A check that is held, if only in part, names tests or a page, and each of them exists."""
    for test in row.tests:
        path, _, name = test.partition("::")
        module = ast.parse((ROOT / "tests" / path).read_text())
        assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    pages = re.findall(r"\]\(([\w./-]+)\)", row.shown_by)
    assert all((ROOT / "docs" / page).is_file() for page in pages)
    assert row.tests or pages or row.verdict == "not held"


def test_the_counts_are_right() -> None:
    """The table at the top counts the rows below it."""
    counted = re.findall(r"^\| V(\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    expected = Counter((row.check.partition(".")[0], row.verdict) for row in ROWS)
    excluded = Counter(word.partition(".")[0] for word in EXCLUSIONS if word in list_checks())
    for chapter, *figures in counted:
        found = [expected[chapter, verdict] for verdict in ("held", "in part", "not held")]
        assert [*found, excluded[chapter]] == [int(figure) for figure in figures], f"V{chapter}"
    assert len(counted) == len({row.check.partition(".")[0] for row in ROWS})
