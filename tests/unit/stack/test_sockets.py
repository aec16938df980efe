"""Where the stack's Unix sockets lie: in a directory closed to others, whatever its path is like."""

import stat
from pathlib import Path

import pytest

from stack.sockets import LONGEST_DIRECTORY, socket_directory


def test_the_directory_is_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory that is wanted is made for its owner alone, and stays."""
    monkeypatch.chdir(tmp_path)
    with socket_directory(Path("sockets")) as found:
        assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert found == Path("sockets")
    assert found.is_dir()


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """Instead of one whose path is too long there is a temporary one, as closed, which is gone afterwards."""
    wanted = tmp_path / ("x" * LONGEST_DIRECTORY)
    with socket_directory(wanted) as found:
        assert stat.S_IMODE(found.stat().st_mode) == 0o700
        assert len(str(found / "posts_service.sock")) < 104
    assert not found.exists()
    assert not wanted.exists()


def test_the_directory_may_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of an earlier start is used again, with what lies in it."""
    monkeypatch.chdir(tmp_path)
    wanted = Path("sockets")
    for _ in range(2):
        with socket_directory(wanted) as found:
            (found / "posts_service.sock").touch()
    assert [each.name for each in wanted.iterdir()] == ["posts_service.sock"]
