"""The table ``refresh_tokens``: tokens to exchange, once, for a new pair. Each function is one SQL statement.

A refresh token is 256 random bits in base64url (RFC 6749, sections 1.5 and 10.4). Only its SHA-256 is stored: with so
much randomness no slower hash is needed, and nobody who reads the table can use it.

A token's successor is derived from the token itself and a random salt that is stored when it is used. So the same
successor can be sent again, to a client that lost the first answer, although it is not stored either: neither the token
alone nor the table alone is enough to derive it. Used tokens are kept as long as their session, so that a stolen one
gives itself away (RFC 9700, section 4.14.2). ``Sessions`` decides when the successor is sent again.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from auth_service.tables.sessions import SessionId
from shared.postgres.database import Connection

TOKEN_LENGTH = 32  # bytes
SALT_LENGTH = 32


@dataclass(frozen=True, slots=True)
class TokenUse:
    """The one use of a refresh token: how many seconds ago, and the salt that its successor was derived with.

    ``is_repeated``: the token itself had been sent a second time, long after the first.
    """

    ago: float
    salt: bytes = field(repr=False)
    is_repeated: bool


def make_refresh_token() -> str:
    """Return a new refresh token, the first of its session."""
    return secrets.token_urlsafe(TOKEN_LENGTH)


def make_salt() -> bytes:
    """Return a salt for the successor of one token."""
    return secrets.token_bytes(SALT_LENGTH)


def derive_successor(token: str, salt: bytes) -> str:
    """Return the refresh token that follows one: HMAC-SHA256 of the salt, the token being the key."""
    digest = hmac.digest(token.encode(), salt, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def hash_refresh_token(token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(token.encode()).digest()


async def insert_refresh_token(connection: Connection, token: str, session_id: SessionId) -> None:
    """Store the hash of a refresh token of a session."""
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2)",
        hash_refresh_token(token),
        session_id,
    )


async def find_session_of(connection: Connection, token: str) -> SessionId | None:
    """Return the session, live or not, that a refresh token belongs to; None when it is no refresh token."""
    session_id = await connection.fetchval(
        "SELECT session_id FROM refresh_tokens WHERE token_hash = $1", hash_refresh_token(token)
    )
    return SessionId(session_id) if session_id else None


async def find_use(connection: Connection, token: str) -> TokenUse | None:
    """Return the use of a refresh token; None while it is unused."""
    row = await connection.fetchrow(
        """
        SELECT extract(epoch FROM clock_timestamp() - used_at)::float8 AS ago, salt, is_repeated
        FROM refresh_tokens WHERE token_hash = $1 AND used_at IS NOT NULL
        """,
        hash_refresh_token(token),
    )
    return TokenUse(**row) if row else None


async def update_repeated(connection: Connection, token: str) -> bool:
    """Note that a refresh token is sent again, and tell whether it was still unused; otherwise nothing is noted."""
    done: str = await connection.execute(
        "UPDATE refresh_tokens SET is_repeated = true WHERE token_hash = $1 AND used_at IS NULL",
        hash_refresh_token(token),
    )
    return done == "UPDATE 1"


async def update_used(connection: Connection, token: str, salt: bytes) -> None:
    """Note that a refresh token is used now."""
    await connection.execute(
        "UPDATE refresh_tokens SET used_at = clock_timestamp(), salt = $2 WHERE token_hash = $1",
        hash_refresh_token(token),
        salt,
    )


async def delete_refresh_tokens_of(connection: Connection, session_ids: Sequence[SessionId], limit: int) -> int:
    """Delete some refresh tokens of locked sessions, and return how many; a session may have very many."""
    rows = await connection.fetch(
        """
        DELETE FROM refresh_tokens WHERE token_hash = ANY(ARRAY(
            SELECT token_hash FROM refresh_tokens WHERE session_id = ANY($1::uuid[]) LIMIT $2
        )) RETURNING 1
        """,
        list(session_ids),
        limit,
    )
    return len(rows)
