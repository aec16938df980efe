"""``docs/asvs.md``: no check of the standard is left out, and what it names exists."""

import ast
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.support.house import ROOT

PAGE = (ROOT / "docs" / "asvs.md").read_text()

# The level of each check of OWASP ASVS 5.0.0, by section, in their order. V5, V10 and V17 are left out as a whole.
_LEVELS = """
    1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123
    2.1:122 2.2:112 2.3:12223 2.4:23
    3.1:3 3.2:11 3.3:12223 3.4:1122223 3.5:1112233 3.6:3 3.7:22333
    4.1:12233 4.2:23333 4.3:22 4.4:1222
    6.1:122 6.2:111111122223 6.3:12233333 6.4:112233
    7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223
    8.1:1233 8.2:1123 8.3:133 8.4:23
    9.1:111 9.2:1222
    11.1:2233 11.2:22233 11.3:11233 11.4:122 11.5:23 11.6:23 11.7:33
    12.1:12233 12.2:11 12.3:22223
    13.1:2333 13.2:222223 13.3:2233 13.4:1222233
    14.1:22 14.2:12223333 14.3:122
    15.1:12233 15.2:12233 15.3:1222222 15.4:3333
    16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223
"""
LEVELS = dict(section.split(":") for section in _LEVELS.split())
WHOLE_SECTIONS = {"6.5", "6.6", "6.7", "6.8", "7.6", "4.3"}  # those that apply to nothing here
WHOLE_CHAPTERS = {"V5", "V10", "V17"}


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
    numbered = [
        (f"{section}.{number}", level)
        for section, levels in LEVELS.items()
        if section not in WHOLE_SECTIONS
        for number, level in enumerate(levels, start=1)
    ]
    return {check: level for check, level in numbered if level in "12"}


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
    pages = re.findall(r"\]\(\.\./([\w.]+)\)", row.shown_by)
    assert all((ROOT / page).is_file() for page in pages)
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
