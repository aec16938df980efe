"""What the gateway's tests share: a policy, two upstreams that follow a script, and a gateway ahead of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest

from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.gateway_rules import write_rules
from tests.support.raw_upstream import RawUpstream, answer_ok, running_upstream

StartGateway = Callable[[Limits], AbstractAsyncContextManager[RunningGateway]]


@pytest.fixture
async def auth() -> AsyncIterator[RawUpstream]:
    """Give the upstream named auth."""
    async with running_upstream(answer_ok) as upstream:
        yield upstream


@pytest.fixture
async def posts() -> AsyncIterator[RawUpstream]:
    """Give the upstream named posts."""
    async with running_upstream(answer_ok) as upstream:
        yield upstream


@pytest.fixture
def rules(tmp_path: Path, auth: RawUpstream, posts: RawUpstream) -> Path:
    """Give the policy file."""
    path = tmp_path / "rules.toml"
    write_rules(path, posts, auth)
    return path


@pytest.fixture
def start_gateway(rules: Path) -> StartGateway:
    """Give a function that starts a gateway with limits of one's own."""
    return lambda limits: running_gateway(rules, limits=limits)


@pytest.fixture
async def gateway(rules: Path) -> AsyncIterator[RunningGateway]:
    """Give a gateway with its usual limits."""
    async with running_gateway(rules) as running:
        yield running


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the gateway."""
    async with gateway.client() as client:
        yield client
