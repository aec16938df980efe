"""What a service learns from the auth service while it runs: ended sessions, published keys, the time there."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

from shared.auth_events.contract import AUTH_SERVICE
from shared.auth_events.follower import Follower
from shared.auth_events.revocation_follower import create_revocation_follower
from shared.auth_events.revocations import Revocations
from shared.observing.clocks import Clocks
from shared.observing.metrics import Metrics
from shared.tokens.keys import PublishedKeys
from shared.tokens.published_keys import KeyFollower
from shared.tokens.signed import ServiceTokens
from shared.verifier_settings import FollowerSettings
from shared.web.health import Check
from shared.web.service_calls import ServiceClient


@dataclass(frozen=True, slots=True)
class Following:
    """Follows the auth service; ``key_follower`` is None where a shared secret alone verifies tokens."""

    auth_service: ServiceClient
    clocks: Clocks
    keys: PublishedKeys
    revocations: Revocations
    revocation_follower: Follower
    key_follower: KeyFollower | None

    @classmethod
    def build(cls, service: str, settings: FollowerSettings, metrics: Metrics) -> Self:
        """Return what a service's settings ask for; nothing is connected yet."""
        clocks, revocations = Clocks(metrics), Revocations()
        auth_service = create_auth_client(service, settings, clocks)
        keys = settings.read_keys()
        return cls(
            auth_service=auth_service,
            clocks=clocks,
            keys=keys,
            revocations=revocations,
            revocation_follower=create_revocation_follower(auth_service, revocations, metrics),
            key_follower=KeyFollower(auth_service, keys) if settings.follows_keys else None,
        )

    @property
    def remarks(self) -> dict[str, Check]:
        """What ``/readyz`` reports besides, by name."""
        return {**{each.name: each.find_remark for each in self._followers}, "clock": self.clocks.find_remark}

    @property
    def _followers(self) -> tuple[Follower | KeyFollower, ...]:
        keys = (self.key_follower,) if self.key_follower is not None else ()
        return (self.revocation_follower, *keys)

    def start(self) -> None:
        """Start to follow, in the background."""
        for each in self._followers:
            each.start()

    async def wait_a_moment(self) -> None:
        """Return once all has been read, or after a few seconds.

        Sessions that ended before must be refused from the first request on, and no good token may be.
        """
        await asyncio.gather(*(each.wait_a_moment() for each in self._followers))

    async def stop(self) -> None:
        """Let go of everything, what never started too."""
        async with contextlib.AsyncExitStack() as stopping:
            stopping.push_async_callback(self.auth_service.close)
            for each in self._followers:
                stopping.push_async_callback(each.stop)


def create_auth_client(service: str, settings: FollowerSettings, clocks: Clocks) -> ServiceClient:
    """Return the client that calls the auth service in the name of a service."""
    tokens = ServiceTokens({service: settings.build_keys(service)})
    return ServiceClient(settings.auth_service_url, caller=service, callee=AUTH_SERVICE, tokens=tokens, clocks=clocks)
