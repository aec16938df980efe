"""Signed tokens: the access token of a user and the service token between services (RFC 7515, 7519, 9068).

Pure: keys and the time come in, values go out. This is the only module that signs or verifies with jose.

A token is a JWS in compact form, HS256, header ``{"alg", "kid", "typ"}``. The laws:

1. Any input ends as verified claims or as ``TokenRefused``; nothing else is raised.
2. The text is checked before jose sees it: length, alphabet, canonical base64url, a small flat header.
3. The header never chooses the algorithm, and chooses the key only from a fixed map by ``kid``.
4. Every claim that is relied on must be there, of its exact type, and equal to what is expected here.
5. Each kind of token has its own keys, ``typ`` and ``aud``; one is never taken for another (RFC 8725, 3.11).

Never log a token; the reason of a refusal is enough.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence

from jose import jwk, jws
from jose.backends.base import Key

from shared.claims import CLOCK_TOLERANCE, MAX_ID, Claims, Fault, TokenRefused, check_registered, read_text, read_user
from shared.compact_form import decode_segment, read_object

# What a caller of this module needs, claims.py's words included.
__all__ = ["MAX_ID", "AccessTokens", "Claims", "Fault", "KeyRing", "ServiceTokens", "TokenRefused", "key_id"]

ALGORITHM = "HS256"
ACCESS_TYPE = "at+jwt"  # RFC 9068, section 2.1
SERVICE_TYPE = "svc+jwt"
ACCESS_AUDIENCE = "gatepost"
SERVICE_TOKEN_TTL = 60  # seconds

MAX_TOKEN_LENGTH = 4096
MAX_HEADER_LENGTH = 512  # bytes, decoded
MAX_REMEMBERED = 4096  # verified tokens

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class KeyRing:
    """The keys of one kind of token: the first signs, all verify, each named by its ``kid``."""

    def __init__(self, current: str, previous: Sequence[str] = ()) -> None:
        if not all((current, *previous)):
            raise ValueError("a key must not be empty")
        self.signing_kid = key_id(current)
        self._keys = {key_id(secret): _build_key(secret) for secret in (*previous, current)}

    @property
    def signing_key(self) -> Key:
        """The key that signs."""
        return self._keys[self.signing_kid]

    def find_key(self, kid: object) -> Key | None:
        """Return the key of that name, or None."""
        return self._keys.get(kid) if isinstance(kid, str) else None


def key_id(secret: str) -> str:
    """Return the public name of a key: the first 8 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


class AccessTokens:
    """Signs and verifies access tokens of one issuer (the public URL), valid for ``ttl`` seconds.

    The tokens verified last are remembered by their exact text, until they expire. A session that was ended is not
    known here: ``authentication`` asks ``Revocations`` after each verification, remembered or not.
    """

    def __init__(self, keys: KeyRing, issuer: str, ttl: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._verified: dict[str, Claims] = {}
        self.ttl = ttl

    def sign(  # noqa: PLR0913 - one for each claim
        self,
        *,
        user_id: int,
        name: str,
        email: str,
        session_id: str,
        now: int,
        ends_at: int | None = None,
        authenticated_at: int | None = None,
        roles: Sequence[str] = (),
    ) -> str:
        """Return a new access token for the user's session, which began when the user proved who they are.

        It ends at ``ends_at`` if that comes before its ``ttl`` has passed, but lives for a second at least.
        """
        expires_at = now + self.ttl if ends_at is None else min(now + self.ttl, max(ends_at, now + 1))
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": ACCESS_AUDIENCE,
            "sub": str(user_id),
            "id": user_id,
            "name": name,
            "email": email,
            "sid": session_id,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": expires_at,
            **({"auth_time": authenticated_at} if authenticated_at is not None else {}),
            **({"roles": list(roles)} if roles else {}),
        }
        return _sign(claims, self._keys, ACCESS_TYPE)

    def verify(self, token: str, now: int) -> Claims:
        """Return the claims of a valid access token; TokenRefused for everything else."""
        known = self._verified.get(token)
        if known is not None and known.issued_at - CLOCK_TOLERANCE <= now < known.expires_at:
            return known
        try:
            claims = _verify(token, self._keys, ACCESS_TYPE)
            check_registered(claims, self._issuer, ACCESS_AUDIENCE, self.ttl, now)
            user = read_user(claims)
        except TokenRefused:
            raise
        except Exception as error:
            raise TokenRefused(Fault.MALFORMED) from error
        self._remember(token, user)
        return user

    def _remember(self, token: str, claims: Claims) -> None:
        if len(self._verified) >= MAX_REMEMBERED:
            del self._verified[next(iter(self._verified))]  # the one remembered longest
        self._verified[token] = claims


class ServiceTokens:
    """Signs and verifies the short-lived tokens by which one service calls another."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def sign(self, *, caller: str, callee: str, now: int) -> str:
        """Return a token that lets ``caller`` call ``callee`` for the next minute."""
        claims: dict[str, object] = {
            "iss": caller,
            "aud": callee,
            "sub": caller,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + SERVICE_TOKEN_TTL,
        }
        return _sign(claims, self._keys, SERVICE_TYPE)

    def verify(self, token: str, *, callee: str, now: int) -> str:
        """Return the name of the calling service; TokenRefused when the token is not one for ``callee``."""
        try:
            claims = _verify(token, self._keys, SERVICE_TYPE)
            caller = read_text(claims, "sub")
            check_registered(claims, caller, callee, SERVICE_TOKEN_TTL, now)
        except TokenRefused:
            raise
        except Exception as error:
            raise TokenRefused(Fault.MALFORMED) from error
        return caller


def _build_key(secret: str) -> Key:
    # A prebuilt key object: jose would otherwise try to read the text as JSON, as a JWK set, as PEM ...
    return jwk.construct(secret.encode(), ALGORITHM)


def _sign(claims: dict[str, object], keys: KeyRing, token_type: str) -> str:
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {"typ": token_type, "kid": keys.signing_kid}
    return str(jws.sign(payload, keys.signing_key, headers=headers, algorithm=ALGORITHM))


def _verify(token: str, keys: KeyRing, token_type: str) -> dict[str, object]:
    """Return the claims of a token whose form, header and signature are right. The claims are not looked at."""
    header = _read_header(token)
    if header != {"alg": ALGORITHM, "typ": token_type, "kid": header.get("kid")}:
        raise TokenRefused(Fault.HEADER)
    key = keys.find_key(header["kid"])
    if key is None:
        raise TokenRefused(Fault.UNKNOWN_KEY)
    try:
        payload = jws.verify(token, key, algorithms=[ALGORITHM])
    except Exception as error:
        raise TokenRefused(Fault.SIGNATURE) from error
    return read_object(payload)


def _read_header(token: str) -> dict[str, object]:
    match = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_LENGTH else None
    if match is None:
        raise TokenRefused(Fault.MALFORMED)
    header, _, _ = (decode_segment(segment) for segment in match.groups())
    # Flat before parsed: a header nested a thousand deep would end the parser, not the token.
    if len(header) > MAX_HEADER_LENGTH or b"[" in header or header.count(b"{") != 1:
        raise TokenRefused(Fault.HEADER)
    return read_object(header)
