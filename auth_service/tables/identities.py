"""The table ``identities``: who users are to other providers. Each function is one SQL statement.

An identity is a provider's id and its subject: what it calls somebody for ever. It is one user's at most. It is only of
the issuer that the id stood for when it was linked: an id may be given to another one.
"""

import datetime as dt
from dataclasses import dataclass

from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """One identity of a user; ``email`` is the address that the provider gave last."""

    provider: str
    issuer: str
    email: str | None
    linked_at: dt.datetime
    last_used_at: dt.datetime


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What is stored of one that a user is given."""

    provider: str
    issuer: str
    subject: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an identity is, and of which issuer."""

    user_id: int
    issuer: str


async def find_owner(connection: Connection, provider: str, subject: str) -> Owner | None:
    """Return whose identity it is, or None."""
    row = await connection.fetchrow(
        "SELECT user_id, issuer FROM identities WHERE provider = $1 AND subject = $2 LIMIT 1", provider, subject
    )
    return Owner(**row) if row else None


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


async def insert_identity(connection: Connection, new: NewIdentity, user_id: int, most: int) -> bool:
    """Give a user an identity; tell whether that was done: not when it is somebody's, nor when they have so many."""
    done: str = await connection.execute(
        """
        INSERT INTO identities (provider, issuer, subject, email, user_id)
        SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM identities WHERE user_id = $5) < $6
        ON CONFLICT (provider, subject) DO NOTHING
        """,
        new.provider,
        new.issuer,
        new.subject,
        new.email,
        user_id,
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
        SELECT provider, issuer, email, linked_at, last_used_at FROM identities WHERE user_id = $1
        ORDER BY linked_at, provider, subject LIMIT $2
        """,
        user_id,
        limit,
    )
    return [LinkedIdentity(**row) for row in rows]


async def delete_identities_at(connection: Connection, user_id: int, provider: str) -> None:
    """Take away the identities that a user has at one provider."""
    await connection.execute("DELETE FROM identities WHERE user_id = $1 AND provider = $2", user_id, provider)
