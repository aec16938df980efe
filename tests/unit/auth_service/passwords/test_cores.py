"""How many cores hashing may use."""

import math
from pathlib import Path

import pytest

from auth_service.passwords import cores


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("200000 100000\n", 2.0),
        ("150000 100000\n", 1.5),
        ("50000 100000\n", 0.5),
        ("max 100000\n", None),
        ("", None),
        ("100000 0", None),
        ("what is this", None),
    ],
)
def test_a_limit_is_read(text: str, quota: float | None) -> None:
    """A control group's limit is a number of cores; no limit, or an invalid one, is None."""
    assert cores.read_quota(text) == quota


@pytest.mark.parametrize(("limit", "most"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", math.inf)])
def test_no_more_than_is_paid_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: float) -> None:
    """If the control group has a limit, no more cores are counted than it grants, and at least one."""
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(cores, "CPU_MAX", tmp_path / "cpu.max")
    assert 1 <= cores.count_cores() <= most


def test_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a control group's limit, the cores on which the process may run are counted."""
    monkeypatch.setattr(cores, "CPU_MAX", tmp_path / "cpu.max")
    assert cores.count_cores() >= 1
