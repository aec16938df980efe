"""When an archive counts as failing, by the names of segments and by times."""

import datetime as dt

import pytest

from shared.postgres.archiving import LONGEST_SILENCE, Archiving, count_waiting

MIB = 1 << 20
NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
MOMENT = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("archived", "current", "waiting"),
    [
        ("000000010000000000000003", "000000010000000000000003", 0),
        ("000000010000000000000003", "000000010000000000000004", 0),
        ("000000010000000000000003", "000000010000000000000006", 2),
        ("0000000100000000000000FF", "000000010000000100000001", 1),
        ("0000000100000000000000AA", "0000000200000000000000AC", 1),  # another timeline
        ("000000010000000000000003.00000028.backup", "000000010000000000000006", 2),
        ("000000010000000000000003.partial", "000000020000000000000004", 0),
        ("000000010000000000000009", "000000020000000000000004", 0),  # the server was put back
        ("00000002.history", "000000020000000000000004", 0),
        (None, "000000010000000000000006", 0),
        ("000000010000000000000003", None, 0),  # a standby, which writes none
    ],
)
def test_what_waits_is_counted_by_names(archived: str | None, current: str | None, waiting: int) -> None:
    """All finished segments behind the last that was archived wait, whatever the timeline; if in doubt, none."""
    assert count_waiting(archived, current, 16 * MIB) == waiting


def test_segments_may_be_larger() -> None:
    """The names of larger segments end sooner."""
    assert count_waiting("00000001000000000000003F", "000000010000000100000001", 64 * MIB) == 1


@pytest.mark.parametrize(
    ("archiving", "is_failing"),
    [
        (Archiving(True, NOON, None, 0, LONGEST_SILENCE * 9), False),
        (Archiving(True, NOON, None, 1, LONGEST_SILENCE * 9), False),
        (Archiving(True, NOON, None, 2, LONGEST_SILENCE), False),
        (Archiving(True, NOON, None, 2, LONGEST_SILENCE + MOMENT), True),
        (Archiving(False, NOON, None, 2, LONGEST_SILENCE + MOMENT), False),
        (Archiving(True, None, None, 0, None), False),
        (Archiving(True, None, NOON, 0, None), True),
        (Archiving(True, NOON, NOON + MOMENT, 0, MOMENT), True),
        (Archiving(True, NOON, NOON - MOMENT, 0, MOMENT), False),
    ],
)
def test_an_archive_fails_or_hangs(archiving: Archiving, *, is_failing: bool) -> None:
    """It fails while the last try did, and when nothing was archived for a while though several segments wait."""
    assert archiving.is_failing is is_failing
