"""Credentials of external services: by one, a service learns which sessions were ended.

1. A credential is 256 random bits after a prefix by which scanners know it. It is shown once, when it is made; only a
   keyed hash of it is stored.
2. It opens the feed of ended sessions and nothing else. It lasts until an operator revokes it, which also refuses those
   who are waiting by it, within a second.
3. The hash is made by the key in use (``NEXTAUTH_SECRET``) and found by previous ones too. A use stores it anew by the
   key in use, so that the key can be changed without making credentials anew.
4. A use is noted to the minute. Simultaneous look-ups share a query.
5. So many requests may wait at a time, of one service and of all: the gateway's connections to us are for people, too.
   Each is held up for ``SOONEST``, and one of many for longer: whoever asks without a pause is read to so many times a
   second however many ask, and people don't feel it.
"""

import asyncio
import contextlib
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

from auth_service.clients import Client
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.service_credentials import (
    FoundService,
    Service,
    delete_service,
    insert_service,
    list_found_services,
    list_services,
    update_used,
)
from shared.errors import REALM, Conflict, NotFound, Throttled, Unauthorized, Unavailable
from shared.fast.coalesced_reads import Reads, Sharing, share_reads
from shared.postgres.database import Database
from shared.tokens.keyed_hashes import KeyedHashes

PREFIX: Final = "gatepost_"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MOST: Final = 100  # services
PLACES, ALL_PLACES = 20, 100  # requests that wait, at each replica of ours: of one service, and of all
SOONEST, APART = 0.2, 0.05  # seconds: how soon one is answered, and how far apart those of a service are
RETRY_AFTER = 5  # seconds
LOOKUPS = Sharing(most=100)  # credentials that one query looks for

TAKEN = "There is a service of that name already: revoke it first, or choose another name"
FULL = f"There are {MOST} services already: revoke one that is no longer in use"
REFUSED = f'{REALM}, error="invalid_token", error_description="The credential is unknown, or was revoked"'

_CREDENTIAL = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_BYTES = 32


class ServiceCredentials:
    """The use cases. Hashes are made by ``key``, and found by ``previous`` ones, too."""

    def __init__(self, database: Database, key: str, previous: Sequence[str] = ()) -> None:
        self._database = database
        self._hashes = KeyedHashes("service credential", key, previous)
        self._lookups: Reads[str, FoundService | None] = share_reads(self._look_up, lambda _: 1, LOOKUPS)
        self._waiting: Counter[int] = Counter()

    async def create(self, name: str, client: Client) -> tuple[Service, str]:
        """Return a new service and its credential, which can't be read again; Conflict where there can be none."""
        credential = PREFIX + secrets.token_urlsafe(_BYTES)
        async with self._database.transaction() as connection:
            service = await insert_service(connection, name, self._hashes.hash(credential)[0], MOST)
            if service is None:
                names = {each.name for each in await list_services(connection, MOST)}
                raise Conflict(TAKEN if name in names else FULL)
            await insert_audit_line(connection, Event.SERVICE_CREATED, client, None, about=f"service {name}")
        return service, credential

    async def revoke(self, name: str, client: Client) -> None:
        """Let a service's credential open nothing any more; NotFound where there is no such service."""
        async with self._database.transaction() as connection:
            if not await delete_service(connection, name):
                raise NotFound("There is no service of that name")
            await insert_audit_line(connection, Event.SERVICE_REVOKED, client, None, about=f"service {name}")

    async def admit(self, credentials: Sequence[str]) -> FoundService:
        """Return the service whose credential was sent, and note its use; Unauthorized unless it is one, and good."""
        service = await self.find(credentials[0]) if len(credentials) == 1 else None
        if service is None:
            raise Unauthorized(challenge=REFUSED if credentials else REALM)
        mac = self._hashes.hash(credentials[0])[0]
        if not service.is_noted or service.mac != mac:
            async with self._database.connection() as connection:
                await update_used(connection, service.id, mac)
        return service

    async def find(self, credential: str) -> FoundService | None:
        """Return the service whose credential this is, or None."""
        return await self._lookups.read(credential) if _CREDENTIAL.fullmatch(credential) else None

    @contextlib.asynccontextmanager
    async def hold_place(self, service: FoundService) -> AsyncIterator[float]:
        """Hold a place for a request that waits; Throttled or Unavailable while there is none.

        It is held up first, and given for how many seconds.
        """
        if self._waiting[service.id] >= PLACES:
            raise Throttled(retry_after=RETRY_AFTER)
        if self._waiting.total() >= ALL_PLACES:
            raise Unavailable(retry_after=RETRY_AFTER)
        self._waiting[service.id] += 1
        held_up = max(SOONEST, APART * self._waiting[service.id])
        try:
            await asyncio.sleep(held_up)
            yield held_up
        finally:
            self._waiting[service.id] -= 1

    async def _look_up(self, credentials: Sequence[str]) -> list[FoundService | None]:
        macs = [self._hashes.hash(credential) for credential in credentials]
        async with self._database.connection() as connection:
            services = await list_found_services(connection, [mac for each in macs for mac in each])
        by_mac = {service.mac: service for service in services}
        return [next((by_mac[mac] for mac in each if mac in by_mac), None) for each in macs]
