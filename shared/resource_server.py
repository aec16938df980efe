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

from shared.auth_events.contract import AUTH_SERVICE
from shared.auth_events.follower import Follower
from shared.auth_events.revocation_follower import create_revocation_follower
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.postgres.housekeeping import Chore, Housekeeping
from shared.settings import reveal
from shared.tokens.keys import PublishedKeys
from shared.tokens.published_keys import KeyFollower
from shared.tokens.signed import AccessTokens, KeyRing, ServiceTokens
from shared.users_copy.following import create_user_change_follower
from shared.verifier_settings import ResourceServerSettings
from shared.web.health import Check
from shared.web.service_calls import ServiceClient


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
    """The parts that all such services have; ``beside`` are those of this service alone.

    ``key_follower`` is None where a shared secret alone verifies tokens.
    """

    database: Database
    auth_service: ServiceClient
    keys: PublishedKeys
    key_follower: KeyFollower | None
    access_tokens: AccessTokens
    revocations: Revocations
    revocation_follower: Follower
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
        keys = PublishedKeys(KeyRing(settings.shared_key, reveal(settings.secret_key_previous)))
        tokens = ServiceTokens({service: settings.build_keys(service)})
        auth_service = ServiceClient(settings.auth_service_url, caller=service, callee=AUTH_SERVICE, tokens=tokens)
        revocations = Revocations()
        metrics.watch_database(database.count_borrowed)
        return cls(
            database=database,
            auth_service=auth_service,
            keys=keys,
            key_follower=KeyFollower(auth_service, keys) if settings.follows_keys else None,
            access_tokens=AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl),
            revocations=revocations,
            revocation_follower=create_revocation_follower(auth_service, revocations, metrics),
            user_change_follower=create_user_change_follower(auth_service, database, metrics),
            housekeeping=Housekeeping(database, chores, metrics),
            beside=beside,
        )

    @property
    def checks(self) -> dict[str, Check]:
        """What keeps the service from being ready."""
        return {"database": self.database.find_lack, "keys": self.keys.find_lack}

    @property
    def remarks(self) -> dict[str, Check]:
        """The state of the auth service's feeds, and of its published keys, by name."""
        return {each.name: each.find_remark for each in self._followers}

    @property
    def _followers(self) -> tuple[Follower | KeyFollower, ...]:
        feeds = (self.revocation_follower, self.user_change_follower)
        return (self.key_follower, *feeds) if self.key_follower is not None else feeds

    @property
    def _parts(self) -> tuple[Part, ...]:
        """All that starts, in this order; it stops in the reverse order."""
        return (self.database, *self.beside, self.housekeeping, *self._followers)

    async def start(self) -> None:
        """Start: connect to the database and follow the auth service, in the background."""
        for part in self._parts:
            if (begun := part.start()) is not None:
                await begun
        # Sessions that were ended before must be refused from the first request on, and no good token may be.
        keys = (self.key_follower,) if self.key_follower is not None else ()
        await asyncio.gather(*(each.wait_a_moment() for each in (self.database, self.revocation_follower, *keys)))

    async def stop(self) -> None:
        """Let go of everything; one part that fails keeps no other from it."""
        async with contextlib.AsyncExitStack() as stopping:
            stopping.push_async_callback(self.auth_service.close)
            for part in self._parts:
                stopping.push_async_callback(part.stop)
