"""The base of a service that holds users' resources (a resource server: RFC 6749, section 1.1).

It has a database, verifies access tokens without calling anyone, refuses those of ended sessions, keeps a copy of users
(``users_copy``) and cleans up in the background. All that the service itself adds is its tables, its routes and its
chores.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from shared.auth_events.follower import Follower
from shared.auth_events.following import Following
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.postgres.housekeeping import Chore, Housekeeping
from shared.tokens.published_keys import KeyFollower
from shared.tokens.signed import AccessTokens
from shared.users_copy.following import create_user_change_follower
from shared.verifier_settings import ResourceServerSettings
from shared.web.health import Check


class Part(Protocol):
    """What starts and stops with a service."""

    def start(self) -> Awaitable[None] | None:
        """Start."""
        ...

    async def stop(self) -> None:
        """Let go of everything; nothing to do where it never started."""
        ...


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """The parts that all such services have; ``beside`` are those of this service alone."""

    database: Database
    following: Following
    access_tokens: AccessTokens
    user_change_follower: Follower
    housekeeping: Housekeeping
    beside: Sequence[Part]

    @classmethod
    def build(
        cls,
        service: str,
        settings: ResourceServerSettings,
        metrics: Metrics,
        database: Database,
        chores: Mapping[str, Chore],
        beside: Sequence[Part] = (),
    ) -> Self:
        """Build the parts from the settings; nothing is connected yet.

        The chores are the service's own: one of them finishes what deleted users left (``users_copy``).
        """
        following = Following.build(service, settings, metrics)
        database.clock.compare_with(following.clocks, "database")
        metrics.watch_database(database)
        return cls(
            database=database,
            following=following,
            access_tokens=AccessTokens(following.keys, settings.nextauth_url, settings.access_token_ttl),
            user_change_follower=create_user_change_follower(following.auth_service, database, metrics),
            housekeeping=Housekeeping(database, chores, metrics),
            beside=beside,
        )

    @property
    def revocations(self) -> Revocations:
        """The sessions whose tokens are refused before they expire."""
        return self.following.revocations

    @property
    def key_follower(self) -> KeyFollower | None:
        """What reads the published keys; None where a shared secret alone verifies tokens."""
        return self.following.key_follower

    @property
    def checks(self) -> dict[str, Check]:
        """What keeps the service from being ready."""
        return {"database": self.database.find_lack, "keys": self.following.keys.find_lack}

    @property
    def remarks(self) -> dict[str, Check]:
        """The state of the auth service's feeds, of its published keys and of the clocks, by name."""
        return {self.user_change_follower.name: self.user_change_follower.find_remark, **self.following.remarks}

    @property
    def _parts(self) -> tuple[Part, ...]:
        """All that starts, in this order; it stops in the reverse order."""
        return (self.database, *self.beside, self.housekeeping, self.following, self.user_change_follower)

    async def start(self) -> None:
        """Start: connect to the database and follow the auth service, in the background."""
        for part in self._parts:
            if (begun := part.start()) is not None:
                await begun
        await asyncio.gather(self.database.wait_a_moment(), self.following.wait_a_moment())

    async def stop(self) -> None:
        """Let go of everything; one part that fails keeps no other from it."""
        async with contextlib.AsyncExitStack() as stopping:
            for part in self._parts:
                stopping.push_async_callback(part.stop)
