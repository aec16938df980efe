"""What all tables keep about one user, for an operator's export. Each function is one SQL statement.

No hash and no secret is among it. It takes all rows there are: nobody waits for it but the operator.
"""

import json

from shared.postgres.database import Connection
from shared.tokens.keyed_hashes import Macs


async def export_users(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return the account."""
    rows = await connection.fetch(
        """
        SELECT id, name, email, created_at, updated_at, roles, disabled_at, email_verified_at, password_set_at,
            password_hash IS NOT NULL AS has_password
        FROM users WHERE id = $1
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_identities(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return who they are to other providers."""
    rows = await connection.fetch(
        """
        SELECT provider, issuer, subject, email, linked_at, last_used_at FROM identities
        WHERE user_id = $1 ORDER BY linked_at
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_sessions(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return their sessions, which are the devices that they signed in on."""
    rows = await connection.fetch(
        """
        SELECT id, created_at, last_used_at, ends_at, idle_ends_at, authenticated_at, user_agent,
            host(address) AS address, revoked_at, revoked_because
        FROM sessions WHERE user_id = $1 ORDER BY created_at
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_refresh_tokens(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return when their sessions were refreshed."""
    rows = await connection.fetch(
        """
        SELECT session_id, token.created_at, used_at, is_repeated
        FROM refresh_tokens AS token JOIN sessions ON sessions.id = session_id
        WHERE user_id = $1 ORDER BY token.created_at
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_session_cutoffs(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return when all their sessions were ended, while their rows don't say so."""
    rows = await connection.fetch(
        "SELECT began_by, spared, because FROM session_cutoffs WHERE user_id = $1 ORDER BY id", user_id
    )
    return [dict(row) for row in rows]


async def export_revocations(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return which of their sessions other services are told of."""
    rows = await connection.fetch(
        """
        SELECT session_id, until FROM revocations JOIN sessions ON sessions.id = session_id
        WHERE user_id = $1 ORDER BY revocations.id
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def export_user_changes(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return what other services are told of them."""
    rows = await connection.fetch(
        "SELECT kind, name, email, happened_at FROM user_changes WHERE user_id = $1 ORDER BY id", user_id
    )
    return [dict(row) for row in rows]


async def export_codes(connection: Connection, user_id: int, address_macs: Macs) -> list[dict[str, object]]:
    """Return the codes and links that were sent to them, or asked for at their address, without the codes."""
    rows = await connection.fetch(
        """
        SELECT purpose, facts->>'email' AS email, created_at, expires_at, used_at FROM codes
        WHERE user_id = $1 OR address_mac = ANY($2) ORDER BY id
        """,
        user_id,
        address_macs,
    )
    return [dict(row) for row in rows]


async def export_letters(connection: Connection, user_id: int, email: str) -> list[dict[str, object]]:
    """Return the letters that wait to be sent to them, without codes and links."""
    rows = await connection.fetch(
        """
        SELECT kind, address, language, facts - 'code' - 'url' AS facts, created_at, due_at, expires_at, tries, answer
        FROM letters WHERE user_id = $1 OR lower(address) = lower($2) ORDER BY id
        """,
        user_id,
        email,
    )
    return [{**row, "facts": json.loads(row["facts"])} for row in rows]


async def export_audit(connection: Connection, user_id: int) -> list[dict[str, object]]:
    """Return what happened to them."""
    rows = await connection.fetch(
        """
        SELECT happened_at, event, about, provider, session_id, host(address) AS address, user_agent, request_id,
            operator
        FROM audit WHERE user_id = $1 ORDER BY happened_at, id
        """,
        user_id,
    )
    return [dict(row) for row in rows]
