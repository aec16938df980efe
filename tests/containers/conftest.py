"""What the container tests share: one stack in containers, and somebody who signed up there."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.support.containers import Containers, running_containers
from tests.support.people import Person, sign_up_and_in


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """Give the stack in containers."""
    with running_containers() as running:
        yield running


@pytest.fixture
async def client(containers: Containers) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the published gateway."""
    async with httpx2.AsyncClient(base_url=containers.url, timeout=15) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has just signed up."""
    return await sign_up_and_in(client, "Ada Lovelace")
