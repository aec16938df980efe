"""What the container tests share: one stack in containers, somebody who signed up there, and one as for others."""

import contextlib
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import httpx2
import pytest

from tests.support.containers import Containers, running_containers
from tests.support.operations_page import section
from tests.support.people import Person, sign_up_and_in
from tests.support.production import Production, running_production

FOLDER = Path(__file__).parent

_stacks = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    """End the stacks after the last test of this folder: idle ones are asked for their health all the time."""
    try:
        yield
    finally:
        if nextitem is None or FOLDER not in nextitem.path.parents:
            _stacks.close()


@pytest.fixture(scope="session")
def containers() -> Containers:
    """Give the stack in containers."""
    return _stacks.enter_context(running_containers())


@pytest.fixture
async def client(containers: Containers) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the published gateway."""
    async with httpx2.AsyncClient(base_url=containers.url, timeout=15) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has just signed up."""
    return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Production:
    """Give an installation that was made, started and checked by the commands of ``docs/operations.md``."""
    folder = tmp_path_factory.mktemp("production")
    commands = _stacks.enter_context(section("First start in production"))
    return _stacks.enter_context(running_production(folder, commands))
