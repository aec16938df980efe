"""What the integration tests share: the running stack, clients, and people who signed up."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import Browser

from tests.support.browser import launched_browser
from tests.support.people import Person, sign_up_and_in
from tests.support.running_stack import StackUrls, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[StackUrls]:
    """Give the URLs of a running stack."""
    with running_stack() as urls:
        yield urls


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give one browser to all tests, each of which opens a context of its own in it."""
    async with launched_browser() as browser:
        yield browser


@pytest.fixture
async def client(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the gateway that follows no redirect and keeps its cookies."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has just signed up."""
    return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture
async def grace(client: httpx2.AsyncClient) -> Person:
    """Give somebody else."""
    return await sign_up_and_in(client, "Grace Hopper")
