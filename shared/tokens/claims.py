"""The claims in a signed token's payload, read strictly (RFC 7519, section 4).

Pure. Every claim that is relied on must be present, of its exact type, and equal to what is expected here; anything
else is ``TokenRefused``. The signature was verified before: see ``signed.py``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

CLOCK_TOLERANCE = 30  # seconds that an ``iat`` or ``nbf`` may lie ahead of our clock; ``exp`` has no tolerance
RENEW_BEFORE = 60  # seconds before it expires at which a token is to be replaced; a short one at half of its life
MAX_ID = 2**63 - 1

# One spelling of a UUID, so that an ended session is always found.
SESSION_ID_PATTERN = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SESSION_ID = re.compile(SESSION_ID_PATTERN)


class Refusal(StrEnum):
    """Why a token was refused, in the order of the checks."""

    MALFORMED = "malformed"
    HEADER = "header"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    EXPIRED = "expired"


class TokenRefused(Exception):
    """A token that was refused, and why; ``is_lasting`` where the same token can't be accepted later by other keys."""

    def __init__(self, refusal: Refusal, *, is_lasting: bool = True) -> None:
        self.refusal = refusal
        self.is_lasting = is_lasting
        super().__init__(refusal.value)


class CallerUnknown(TokenRefused):
    """A service token by a key that is known, in the name of a service that is not: that is ``caller``."""

    def __init__(self, caller: str) -> None:
        super().__init__(Refusal.CLAIMS)
        self.caller = caller


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says about its user. Times are Unix seconds.

    ``authenticated_at`` is when the user last proved who they are (``auth_time``), ``roles`` what they are (RFC 9068,
    sections 2.2.1 and 2.2.3.1). A token may lack either: then the time is None, and there are no roles. Only where it
    says ``email_verified`` (OpenID Connect Core, 5.1) has the user proven that they read what is sent to the address.
    """

    user_id: int
    name: str
    email: str
    session_id: str
    token_id: str
    issued_at: int
    expires_at: int
    authenticated_at: int | None = None
    roles: tuple[str, ...] = ()
    email_verified: bool = False

    def is_fresh(self, now: int) -> bool:
        """Tell whether the token is good for a while yet, so that replacing it would gain nothing."""
        renew_before = min(RENEW_BEFORE, (self.expires_at - self.issued_at) // 2)
        return now < self.expires_at and now + renew_before <= self.expires_at


def is_recent(authenticated_at: int | None, max_age: int, now: int) -> bool:
    """Tell whether a user proved who they are within the last ``max_age`` seconds, and not in the future."""
    return authenticated_at is not None and authenticated_at - CLOCK_TOLERANCE <= now <= authenticated_at + max_age


@dataclass(frozen=True, slots=True)
class Term:
    """When a token is valid, in Unix seconds: from one moment, give or take the difference of clocks, until another."""

    counts_from: int
    expires_at: int

    def check(self, now: int) -> None:
        """Refuse a token that is not valid yet, or no longer."""
        if now < self.counts_from - CLOCK_TOLERANCE:
            raise TokenRefused(Refusal.CLAIMS)
        if now >= self.expires_at:
            raise TokenRefused(Refusal.EXPIRED)


def check_registered(claims: dict[str, object], issuer: str, audience: str, ttl: int) -> Term:
    """Refuse unless the registered claims (RFC 7519, section 4.1) are all present (``nbf`` may be absent) and ours.

    The audience is ours where ``aud`` names it, alone or among others. Return when the token is valid.
    """
    issued_at, expires_at = _integer(claims, "iat"), _integer(claims, "exp")
    read_text(claims, "jti")
    if read_text(claims, "iss") != issuer or audience not in _audiences(claims):
        raise TokenRefused(Refusal.CLAIMS)
    counts_from = _integer(claims, "nbf") if "nbf" in claims else issued_at
    if not 0 < expires_at - issued_at <= ttl:
        raise TokenRefused(Refusal.CLAIMS)
    return Term(max(issued_at, counts_from), expires_at)


def check_caller(claims: dict[str, object], caller: str, callee: str, ttl: int) -> Term:
    """Refuse unless the claims are of a call from that service to the other. Return when the token is valid."""
    if read_text(claims, "sub") != caller:
        raise TokenRefused(Refusal.CLAIMS)
    return check_registered(claims, caller, callee, ttl)


def read_user(claims: dict[str, object]) -> Claims:
    """Return the user that the claims of an access token name; refuse unless each is present and well-formed."""
    user_id = _integer(claims, "id")
    if not 1 <= user_id <= MAX_ID or read_text(claims, "sub") != str(user_id):
        raise TokenRefused(Refusal.CLAIMS)
    session_id = read_text(claims, "sid")
    if not _SESSION_ID.fullmatch(session_id):
        raise TokenRefused(Refusal.CLAIMS)
    return Claims(
        user_id=user_id,
        name=read_text(claims, "name"),
        email=read_text(claims, "email"),
        session_id=session_id,
        token_id=read_text(claims, "jti"),
        issued_at=_integer(claims, "iat"),
        expires_at=_integer(claims, "exp"),
        authenticated_at=_integer(claims, "auth_time") if "auth_time" in claims else None,
        roles=_texts(claims, "roles") if "roles" in claims else (),
        email_verified=_truth(claims, "email_verified") if "email_verified" in claims else False,
    )


def read_text(claims: dict[str, object], name: str) -> str:
    """Return a claim that must be text, and not empty."""
    value = claims.get(name)
    if type(value) is not str or not value:
        raise TokenRefused(Refusal.CLAIMS)
    return value


def _integer(claims: dict[str, object], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or abs(value) > MAX_ID:  # type(): True is an int to isinstance
        raise TokenRefused(Refusal.CLAIMS)
    return value


def _truth(claims: dict[str, object], name: str) -> bool:
    value = claims.get(name)
    if type(value) is not bool:
        raise TokenRefused(Refusal.CLAIMS)
    return value


def _audiences(claims: dict[str, object]) -> tuple[str, ...]:
    """Return for whom a token is: ``aud`` is a text, or a list of texts (RFC 7519, section 4.1.3)."""
    return _texts(claims, "aud") if type(claims.get("aud")) is list else (read_text(claims, "aud"),)


def _texts(claims: dict[str, object], name: str) -> tuple[str, ...]:
    value = claims[name]
    if type(value) is not list or not all(type(text) is str and text for text in value):
        raise TokenRefused(Refusal.CLAIMS)
    return tuple(value)
