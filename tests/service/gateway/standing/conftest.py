"""What tests of so many cases share that a start for each would cost most: a gateway that stands for a whole module.

Each test finds it as it was at the start; with ``pytestmark = COLD_AND_WARM`` all of a module find it warm, too.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_client import RawClient, connected
from tests.support.raw_upstream import RawUpstream
from tests.support.standing_gateway import Standing, standing_gateway


@pytest.fixture(scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    """Give a gateway and its upstream for all tests of a module."""
    async with standing_gateway(tmp_path_factory.mktemp("standing")) as standing:
        yield standing


@pytest.fixture
def begins_warm() -> bool:
    """Whether the gateway keeps a connection to its upstream as the test begins."""
    return False


@pytest.fixture
async def posts(standing: Standing, *, begins_warm: bool) -> RawUpstream:
    """Give the upstream, which has been asked nothing."""
    await standing.renew(is_warm=begins_warm)
    return standing.posts


@pytest.fixture
def gateway(standing: Standing, posts: RawUpstream) -> RunningGateway:  # noqa: ARG001 - for what it does
    """Give the gateway."""
    return standing.gateway


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[RawClient]:
    """Give a connection to the gateway."""
    async with connected(gateway) as client:
        yield client
