"""Which release this is, and which commit."""

import tomllib
from pathlib import Path

import pytest

from shared.observing.version import VERSION, find_commit
from tests.support.house import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = COMMIT[::-1]


def test_the_version_is_the_project_s() -> None:
    """What services say of themselves is the version that the project has."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"COMMIT": f"{COMMIT}\n"}, COMMIT),
        ({"COMMIT": "", ".git/HEAD": COMMIT}, COMMIT),
        ({"COMMIT": "rm -rf /"}, None),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{COMMIT}\n"}, COMMIT),
        (
            {
                ".git/HEAD": "ref: refs/heads/main",
                ".git/packed-refs": f"# x\n{OTHER} refs/heads/a\n{COMMIT} refs/heads/main",
            },
            COMMIT,
        ),
        ({".git/HEAD": "ref: refs/heads/main", ".git/packed-refs": f"{OTHER} refs/heads/a"}, None),
        ({".git/HEAD": "ref: refs/heads/none-yet"}, None),
    ],
)
def test_the_commit_is_found(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    """An image names the commit in a file, a checkout in its ``.git``; where neither does, or in nonsense, nobody."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find_commit(tmp_path) == expected
