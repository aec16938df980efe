"""The table ``identities``: who users are to other providers. Each function is one SQL statement.

An identity is a provider's id and its subject: what it calls somebody for ever. It is one user's at most.
"""

import datetime as dt
from dataclasses import dataclass

from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """One identity of a user; ``email`` is the address that the provider gave last."""

    provider: str
    email: str | None
    linked_at: dt.datetime
    last_used_at: dt.datetime


async def find_owner(connection: Connection, provider: str, subject: str) -> int | None:
    """Return the user whose identity it is, or None."""
    user_id: int | None = await connection.fetchval(
        "SELECT user_id FROM identities WHERE provider = $1 AND subject = $2 LIMIT 1", provider, subject
    )
    return user_id


async def update_identity_used(
    connection: Connection, provider: str, subject: str, user_id: int, email: str | None
) -> bool:
    """Note the use of an identity, if it still is that user's, and tell whether it is."""
    done: str = await connection.execute(
        """
        UPDATE identities SET last_used_at = now(), email = $4 WHERE provider = $1 AND subject = $2 AND user_id = $3
        """,
        provider,
        subject,
        user_id,
        email,
    )
    return done == "UPDATE 1"


async def insert_identity(
    connection: Connection, provider: str, subject: str, user_id: int, email: str | None, most: int
) -> bool:
    """Give a user an identity; tell whether that was done: not when it is somebody's, nor when they have so many."""
    done: str = await connection.execute(
        """
        INSERT INTO identities (provider, subject, user_id, email)
        SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM identities WHERE user_id = $3) < $5
        ON CONFLICT (provider, subject) DO NOTHING
        """,
        provider,
        subject,
        user_id,
        email,
        most,
    )
    return done == "INSERT 0 1"


async def delete_identities_of(connection: Connection, user_id: int) -> bool:
    """Take all identities of a user away; tell whether there were any."""
    done: str = await connection.execute("DELETE FROM identities WHERE user_id = $1", user_id)
    return done != "DELETE 0"


async def list_identities(connection: Connection, user_id: int, limit: int) -> list[LinkedIdentity]:
    """Return the identities of a user, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT provider, email, linked_at, last_used_at FROM identities WHERE user_id = $1
        ORDER BY linked_at, provider, subject LIMIT $2
        """,
        user_id,
        limit,
    )
    return [LinkedIdentity(**row) for row in rows]


async def delete_identities_at(connection: Connection, user_id: int, provider: str) -> None:
    """Take away the identities that a user has at one provider."""
    await connection.execute("DELETE FROM identities WHERE user_id = $1 AND provider = $2", user_id, provider)
