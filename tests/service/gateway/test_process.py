"""The gateway as a process: what it asks of the machine when it starts."""

import resource
from collections.abc import Iterator

import pytest

from tests.support.gateway_process import gateway_process

USUAL = 1024  # files, what a shell or systemd lets a program open


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let programs started from here open no more files than usual at first; give how many they may open at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL, hard), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_it_has_room_for_thousands_of_connections(few_files: int) -> None:
    """It opens as many files as the machine lets it, not the few that programs may have without asking."""
    async with gateway_process() as running:
        assert resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE) == (few_files, few_files)
