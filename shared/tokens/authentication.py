"""From an ``Authorization`` header to a caller: a user, or anonymous with the reason. Used by posts, auth and gateway.

The header may hold the token bare, as the tutorial's clients send it, or after ``Bearer`` (RFC 6750, section 2.1). A
header with another scheme (``Basic``, ``Digest``, ``Negotiate``) is meant for somebody else, such as a proxy ahead with
a password of its own: it is no credential here, right or wrong, and neither is an empty header.

Identity is the signed token and nothing else in a request. A token of a session that was ended proves nothing: that is
checked each time, after the verification, which may come from a cache.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.requests import HTTPConnection

from shared.auth_events.revocations import Revocations
from shared.errors import REALM, Unauthorized
from shared.observing.request_context import RequestRecord, record_of
from shared.tokens.signed import AccessTokens, Claims, Refusal, TokenRefused

RawHeaders = Iterable[tuple[bytes, bytes]]


class Reason(StrEnum):
    """Why a caller is anonymous."""

    MISSING = "missing"
    OTHER_SITE = "other_site"  # a session cookie that another site may have made the browser send
    EXPIRED = "expired"
    INVALID = "invalid"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class User:
    """A caller with a valid access token."""

    claims: Claims
    token: str


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A caller without a valid access token; ``refusal``, why one that was sent is refused, is for logs alone."""

    reason: Reason
    refusal: Refusal | None = field(default=None, compare=False)


Caller = User | Anonymous

_CALLER = "gatepost.caller"
_DESCRIPTIONS = {
    Reason.EXPIRED: "The access token expired",
    Reason.INVALID: "The access token is not valid",
    Reason.REVOKED: "The session was ended",
}


def authenticate(headers: RawHeaders, tokens: AccessTokens, revocations: Revocations, now: int) -> Caller:
    """Return the caller that a request's raw headers (names in lower case) prove."""
    credentials = list_credentials(headers)
    if not credentials:
        return Anonymous(Reason.MISSING)
    if len(credentials) > 1:
        return Anonymous(Reason.INVALID)
    return authenticate_token(credentials[0], tokens, revocations, now)


def list_credentials(headers: RawHeaders) -> list[str]:
    """Return the tokens in the ``Authorization`` headers that are meant for us, bare or after ``Bearer``.

    Only a single one proves anything, so of several headers all are returned if one is for us: two readers could pick
    different ones.
    """
    found = [_read_credential(value) for name, value in headers if name == b"authorization"]
    ours = [credential for credential in found if credential is not None]
    return ours if len(found) == 1 or not ours else [credential or "" for credential in found]


def authenticate_token(token: str, tokens: AccessTokens, revocations: Revocations, now: int) -> Caller:
    """Return the caller that an access token proves."""
    try:
        claims = tokens.verify(token, now)
    except TokenRefused as error:
        return Anonymous(Reason.EXPIRED if error.refusal is Refusal.EXPIRED else Reason.INVALID, error.refusal)
    return Anonymous(Reason.REVOKED) if revocations.has_ended(claims) else User(claims, token)


def identify_caller(connection: HTTPConnection) -> Caller:
    """Return who sends the request, identified once per request and noted for its log.

    Needs ``app.state.access_tokens`` and ``app.state.revocations``.
    """
    scope = connection.scope
    if _CALLER not in scope:
        state = connection.app.state
        scope[_CALLER] = authenticate(scope["headers"], state.access_tokens, state.revocations, int(time.time()))
        note_caller(connection, scope[_CALLER])
    caller: Caller = scope[_CALLER]
    return caller


def identify_again(connection: HTTPConnection) -> Caller:
    """Return who sends the request, after the keys may have changed."""
    record = record_of(connection.scope)
    record.anonymous_because = record.token_refusal = None
    del connection.scope[_CALLER]
    return identify_caller(connection)


def names_unknown_key(caller: Caller) -> bool:
    """Tell whether a caller's token names a key that is not known, so that it could not be verified."""
    return isinstance(caller, Anonymous) and caller.refusal is Refusal.UNKNOWN_KEY


def require_user(connection: HTTPConnection) -> User:
    """Return the signed-in user who sends the request, or raise Unauthorized."""
    caller = identify_caller(connection)
    if isinstance(caller, Anonymous):
        raise Unauthorized(challenge=challenge(caller))
    return caller


def note_caller(connection: HTTPConnection, caller: Caller) -> None:
    """Put into the request's log record who sent it, or why that is not known."""
    note_in_record(record_of(connection.scope), caller)


def note_in_record(record: RequestRecord, caller: Caller) -> None:
    """Put into a log record who the caller is, or why that is not known."""
    if isinstance(caller, User):
        claims = caller.claims
        record.user_id, record.session_id, record.user_name = claims.user_id, claims.session_id, claims.name
    else:
        record.anonymous_because = caller.reason.value
        record.token_refusal = caller.refusal.value if caller.refusal else None


def challenge(anonymous: Anonymous) -> str:
    """Return the ``WWW-Authenticate`` value; it names an error only where a token was sent (RFC 6750, section 3.1)."""
    description = _DESCRIPTIONS.get(anonymous.reason)
    if description is None:
        return REALM
    return f'{REALM}, error="invalid_token", error_description="{description}"'


def ask_for_recent_sign_in(max_age: int) -> str:
    """Return the ``WWW-Authenticate`` value for a caller who signed in more than ``max_age`` seconds ago.

    RFC 9470, section 3.
    """
    because = 'error="insufficient_user_authentication", error_description="Sign in again"'
    return f'{REALM}, {because}, max_age="{max_age}"'


def _read_credential(value: bytes) -> str | None:
    """Return the token in a header value, bare or after ``Bearer``; None when the value is empty or has another scheme.

    What is not ASCII is refused with the token.
    """
    text = value.decode("latin-1").strip(" \t")
    scheme, blank, rest = text.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip(" \t")
    return text if text and not blank else None
