"""A gateway and its one upstream that serve all tests of a module: for so many cases that starts would cost most.

``renew`` resets them to the start, or to the state after a first request: with a kept-alive connection to the
upstream, on which an answer takes another way than on a fresh one.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.gateway_rules import write_rules
from tests.support.raw_client import connected, settle
from tests.support.raw_upstream import RawUpstream, answer_ok, running_upstream
from tests.support.waiting import eventually

COLD_AND_WARM = pytest.mark.parametrize("begins_warm", [False, True], ids=["cold", "warm"])


@dataclass(frozen=True, slots=True)
class Standing:
    """A gateway and the upstream behind it."""

    gateway: RunningGateway
    posts: RawUpstream

    async def renew(self, *, is_warm: bool = False) -> None:
        """Reset them to the start, or to the state after a first request."""
        self.posts.script = answer_ok
        self.posts.drop_connections()
        await eventually(lambda: self.posts.open_connections == 0)
        await settle()
        if is_warm:
            async with connected(self.gateway) as client:
                await client.exchange("GET /public/warm")
        self.posts.received.clear()
        self.posts.connections = self.posts.open_connections


@contextlib.asynccontextmanager
async def standing_gateway(folder: Path, client_limits: ClientLimits | None = None) -> AsyncIterator[Standing]:
    """Give the two; ``folder`` is for the policy."""
    async with running_upstream(answer_ok) as posts:
        rules = folder / "rules.toml"
        write_rules(rules, posts)
        async with running_gateway(rules, client_limits=client_limits) as gateway:
            yield Standing(gateway, posts)
