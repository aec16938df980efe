"""The table ``refresh_tokens``: what a client may exchange for a new pair. Each function is one SQL statement.

A refresh token is 256 random bits in base64url (RFC 6749, sections 1.5 and 10.4). Only its SHA-256 is stored: with so
much randomness nothing slower is needed, and whoever reads the table can't use it.
"""

import hashlib
import secrets

from auth_service.sessions import SessionId
from shared.database import Connection


def make_refresh_token() -> str:
    """Return a new refresh token."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(token.encode()).digest()


async def insert_refresh_token(connection: Connection, token: str, session_id: SessionId) -> None:
    """Store the hash of a refresh token of a session."""
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2)",
        *(hash_refresh_token(token), session_id),
    )
