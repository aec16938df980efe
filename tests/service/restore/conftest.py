"""An installation of a test's own: its databases are put back, with the services stopped or running."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import find_free_port
from tests.support.restoring import Installation


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for data and dumps. Not pytest's own: it closes that to all other users."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        yield Path(directory)


@pytest.fixture
def installation(folder: Path) -> Installation:
    """Give an installation without data."""
    return Installation(folder / "data", find_free_port())
