"""The table ``service_credentials``: external services, and a keyed hash of the credential of each.

Each function is one SQL statement. There are never more than a hundred rows.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.postgres.database import Connection

USED_EVERY = dt.timedelta(minutes=1)
"""How exactly it is known when a credential was last used."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that has a credential."""

    id: int
    name: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service, found by the hash of its credential; ``is_noted``: its use has been noted within the last minute."""

    id: int
    mac: bytes
    is_noted: bool


async def insert_service(connection: Connection, name: str, mac: bytes, most: int) -> Service | None:
    """Add a service and return it; None where one of that name is there, or as many as there may be."""
    row = await connection.fetchrow(
        """
        INSERT INTO service_credentials (name, credential_mac)
        SELECT $1, $2 WHERE (SELECT count(*) FROM service_credentials) < $3
        ON CONFLICT (name) DO NOTHING
        RETURNING id, name, created_at, last_used_at
        """,
        name,
        mac,
        most,
    )
    return Service(**row) if row else None


async def list_services(connection: Connection, limit: int) -> list[Service]:
    """Return the services by name."""
    rows = await connection.fetch(
        "SELECT id, name, created_at, last_used_at FROM service_credentials ORDER BY name LIMIT $1", limit
    )
    return [Service(**row) for row in rows]


async def list_found_services(connection: Connection, macs: Sequence[bytes]) -> list[FoundService]:
    """Return the services whose credential has one of these hashes."""
    rows = await connection.fetch(
        """
        SELECT id, credential_mac AS mac,
            coalesce(now() - last_used_at < $2::interval, false) AS is_noted
        FROM service_credentials WHERE credential_mac = ANY($1)
        """,
        list(macs),
        USED_EVERY,
    )
    return [FoundService(**row) for row in rows]


async def update_used(connection: Connection, service_id: int, mac: bytes) -> None:
    """Note that a service uses its credential, and store the credential's hash by the key that is in use now."""
    await connection.execute(
        "UPDATE service_credentials SET last_used_at = now(), credential_mac = $2 WHERE id = $1", service_id, mac
    )


async def delete_service(connection: Connection, name: str) -> bool:
    """Delete a service with its credential; tell whether it was there."""
    row = await connection.fetchrow("DELETE FROM service_credentials WHERE name = $1 RETURNING 1", name)
    return row is not None
