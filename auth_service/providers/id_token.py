"""ID tokens: which are believed, and what they say (OpenID Connect Core 1.0, sections 2 and 3.1.3.7). Pure.

A gate on the raw text comes first: what a segment or an object means must not depend on who reads it, and nothing of it
is interpreted before its signature is known to be good, but for the header that names the key.

1. Three segments of canonical base64url, ``LONGEST`` characters at most; a header of ``LONGEST_HEADER`` with no member
   twice. A token that demands an extension (``crit``) is refused: none is understood here (RFC 7515, section 4.1.11).
2. The algorithm is on the list that is handed in, which never has ``none`` or one by a shared secret on it; and the key
   may be used with it. Keys that a token brings along (``jwk``, ``jku``, ``x5c``) are never looked at.
3. The issuer is this provider; the audience is us. Of several audiences it must say that it was made for us (``azp``).
4. It is in time: ``exp`` is ahead, ``iat`` is not, but for ``TOLERANCE`` seconds.
5. It answers this very request: its ``nonce`` is the browser's.

A refusal is one word, which is logged; the token never is.
"""

import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from auth_service.providers.http import ProviderFailed
from auth_service.providers.signatures import ProviderKey
from shared.tokens.compact_form import decode_segment, read_object

LONGEST = 16_384  # characters
LONGEST_HEADER = 4096
TOLERANCE = 30  # seconds that clocks may differ
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TYPES = {None, "JWT", "jwt", "application/jwt"}
_LATEST = 2**53  # a number of seconds beyond is no time


class IdTokenRefused(ProviderFailed):
    """An ID token that is not believed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must be about."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedToken:
    """An ID token whose signature was not verified yet: all that may be known of it is which key it names."""

    kid: str | None
    algorithm: str
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    payload: bytes = field(repr=False)


def split_id_token(text: object, algorithms: Collection[str]) -> SealedToken:
    """Return a token in its parts; IdTokenRefused when it is none, or by no algorithm of these."""
    match = _COMPACT.fullmatch(text) if isinstance(text, str) and len(text) <= LONGEST else None
    if match is None or len(match[1]) > LONGEST_HEADER:
        raise IdTokenRefused("id_token_malformed")
    try:
        header, payload, signature = map(decode_segment, match.groups())
        said = read_object(header)
    except (ValueError, RecursionError):
        raise IdTokenRefused("id_token_malformed") from None
    algorithm, kid = said.get("alg"), said.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise IdTokenRefused("id_token_algorithm")
    if "crit" in said or "b64" in said or said.get("typ") not in _TYPES or not (kid is None or isinstance(kid, str)):
        raise IdTokenRefused("id_token_header")
    return SealedToken(kid, algorithm, f"{match[1]}.{match[2]}".encode(), signature, payload)


def open_id_token(token: SealedToken, key: ProviderKey, expected: Expected, now: float) -> Mapping[str, object]:
    """Return the claims of a token that this key signed and that is what was expected; IdTokenRefused."""
    if not key.verify(token.algorithm, token.signed, token.signature):
        raise IdTokenRefused("id_token_signature")
    try:
        claims = read_object(token.payload)
    except (ValueError, RecursionError):
        raise IdTokenRefused("id_token_malformed") from None
    if claims.get("iss") != expected.issuer:
        raise IdTokenRefused("id_token_issuer")
    _check_audience(claims, expected.client_id)
    expires_at, issued_at = _read_time(claims, "exp"), _read_time(claims, "iat")
    if now >= expires_at + TOLERANCE:
        raise IdTokenRefused("id_token_expired")
    if issued_at > now + TOLERANCE:
        raise IdTokenRefused("id_token_from_the_future")
    nonce = claims.get("nonce")
    told = nonce.encode(errors="replace") if isinstance(nonce, str) else b""  # JSON can write half a character
    if not hmac.compare_digest(told, expected.nonce.encode()):
        raise IdTokenRefused("id_token_nonce")
    return claims


def find_authenticated_at(claims: Mapping[str, object], now: float) -> int | None:
    """Return when somebody last proved to the provider who they are, if it says so; never later than now."""
    return int(min(_read_time(claims, "auth_time"), now)) if "auth_time" in claims else None


def _check_audience(claims: Mapping[str, object], client_id: str) -> None:
    audience, azp = claims.get("aud"), claims.get("azp")
    listed = audience if isinstance(audience, list) else [audience]
    if client_id not in listed:
        raise IdTokenRefused("id_token_audience")
    if azp != client_id and (len(listed) > 1 or "azp" in claims):
        raise IdTokenRefused("id_token_azp")


def _read_time(claims: Mapping[str, object], name: str) -> float:
    """Return a claim that is a time in seconds (RFC 7519, section 2)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise IdTokenRefused(f"id_token_without_{name}")
    return value
