"""Gatepost's access token, verified without Gatepost: all that this service knows of it.

A JWT (RFC 7519, 9068): HS256, header ``typ`` "at+jwt" and ``kid``, claims ``iss`` (the public URL), ``aud`` "gatepost",
``sub`` (the user's id as text), ``name``, ``email``, ``iat``, ``exp``. The gateway has verified it already; a request
that got past the gateway meets the same verdict here. What only the gateway knows is which sessions were ended: without
it, the token of an ended session counts until it expires, after an hour.

Rules (RFC 8725): the algorithm is ours and never the token's; the header chooses the key from a fixed map and nothing
else; every claim that is relied on must be there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

ALGORITHM = "HS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the type's name
AUDIENCE = "gatepost"
REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "name")


class TokenRefused(Exception):
    """A token that proves nothing."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a token names."""

    id: int
    name: str


def name_keys(current: str, previous: str = "") -> dict[str, str]:
    """Return the keys that count, by their ``kid``; ``previous`` are those before, separated by commas."""
    secrets = [current, *(secret.strip() for secret in previous.split(",") if secret.strip())]
    return {hashlib.sha256(secret.encode()).hexdigest()[:8]: secret for secret in secrets}


def verify(token: str, keys: Mapping[str, str], issuer: str) -> User:
    """Return the user whom a valid token names; TokenRefused for every other text."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TOKEN_TYPE:  # a service token, say, is signed by the same house for another purpose
            raise TokenRefused
        claims = jwt.decode(
            token,
            keys[header["kid"]],
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=AUDIENCE,
            # Another machine's clock may be ahead of ours: iat is no promise, exp is.
            options={"require": list(REQUIRED), "strict_aud": True, "verify_iat": False},
        )
        return User(int(claims["sub"]), str(claims["name"]))
    except (jwt.InvalidTokenError, KeyError, ValueError) as fault:
        raise TokenRefused from fault
