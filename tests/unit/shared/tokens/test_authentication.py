"""From an Authorization header to a caller: a user, or anonymous with the reason."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from shared.auth_events.revocations import Revocations
from shared.errors import Unauthorized
from shared.observing.request_context import record_of
from shared.tokens.authentication import (
    Anonymous,
    Reason,
    User,
    authenticate,
    challenge,
    identify_caller,
    note_caller,
    require_user,
)
from tests.support.forged_tokens import TTL, forge, list_faulty_tokens, make_claims
from tests.support.verifiers import make_tokens, tokens

NOW = 1_800_000_000
CLAIMS = make_claims(user_id=7, session_id=str(uuid.UUID(int=7)), now=NOW)
TOKEN = forge(CLAIMS)


def authenticate_with(*values: bytes, now: int = NOW, revocations: Revocations | None = None) -> User | Anonymous:
    """Return the caller of a request with these Authorization headers."""
    headers = [(b"accept", b"*/*"), *((b"authorization", value) for value in values)]
    return authenticate(headers, tokens(), revocations or Revocations(), now)


class Holder:
    """Takes the place of an application: holds the state that authentication needs."""

    def __init__(self) -> None:
        self.state = self
        self.access_tokens = make_tokens()
        self.revocations = Revocations()


def connect(*values: str) -> HTTPConnection:
    """Return a connection with these Authorization headers, in an application that verifies tokens."""
    headers = [(b"authorization", value.encode()) for value in values]
    return HTTPConnection({"type": "http", "headers": headers, "path": "/", "app": Holder()})


@pytest.mark.parametrize(
    "value",
    [TOKEN, f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN}", f" \t{TOKEN} ", f"Bearer \t{TOKEN}\t"],
)
def test_bare_and_bearer(value: str) -> None:
    """The token comes bare, as the tutorial's clients send it, or after Bearer in any case (RFC 6750, RFC 9110)."""
    caller = authenticate_with(value.encode())

    assert isinstance(caller, User)
    assert (caller.claims.user_id, caller.token) == (7, TOKEN)


def test_no_header() -> None:
    """Without the header the caller is anonymous, with that as the reason."""
    assert authenticate_with() == Anonymous(Reason.MISSING)


@pytest.mark.parametrize(
    "value",
    [
        *(b"Bearer", b"Bearer ", b"bearer", b"\xff\xfe", b"\xc3\xa9", f"Bearer Bearer {TOKEN}".encode()),
        *(
            b"nonsense",
            b"Basic",
            f"Bearer\t{TOKEN}".encode(),
            f"{TOKEN},".encode(),
            f"Bearer {TOKEN}, Basic x".encode(),
        ),
        *(f"Bearer\xa0{TOKEN}".encode("latin-1"), f"{TOKEN}\n".encode()),
    ],
)
def test_what_is_meant_for_us_and_no_token_is_invalid(value: bytes) -> None:
    """A bare word, or one after Bearer, that is no valid token makes an anonymous caller, and raises nothing."""
    assert authenticate_with(value) == Anonymous(Reason.INVALID)


FOREIGN = [b"", b" \t", b"Basic dXNlcjpwYXNz", b"basic  eDp5", b'Digest username="x", nonce="y"', b"Negotiate YII="]


@pytest.mark.parametrize("value", [*FOREIGN, f"Token {TOKEN}".encode(), f"{TOKEN} {TOKEN}".encode(), b"\xff \xfe"])
def test_another_scheme_is_no_credential_for_us(value: bytes) -> None:
    """A credential for somebody else, such as a proxy in front that demands Basic, is ignored."""
    assert authenticate_with(value) == Anonymous(Reason.MISSING)
    assert authenticate_with(value, value) == Anonymous(Reason.MISSING)


def test_two_headers() -> None:
    """Two Authorization headers, one of them ours, are invalid: two parsers could choose different ones."""
    for other in (TOKEN.encode(), *FOREIGN):
        assert authenticate_with(TOKEN.encode(), other) == Anonymous(Reason.INVALID)
        assert authenticate_with(other, TOKEN.encode()) == Anonymous(Reason.INVALID)


def test_expired() -> None:
    """An expired token is distinguished from an invalid one."""
    assert authenticate_with(TOKEN.encode(), now=NOW + TTL) == Anonymous(Reason.EXPIRED)


def test_an_ended_session_proves_nothing() -> None:
    """A token of an ended session makes an anonymous caller, even if it was verified just before."""
    revocations = Revocations()
    assert isinstance(authenticate_with(TOKEN.encode(), revocations=revocations), User)
    revocations.add(str(CLAIMS["sid"]), NOW + TTL)
    assert authenticate_with(TOKEN.encode(), revocations=revocations) == Anonymous(Reason.REVOKED)
    assert authenticate_with(TOKEN.encode(), revocations=revocations, now=NOW + TTL) == Anonymous(Reason.EXPIRED)
    claims = make_claims()
    revoked = connect(forge(claims))
    revoked.app.state.revocations.add(str(claims["sid"]), NOW)
    with pytest.raises(Unauthorized) as refused:
        require_user(revoked)
    assert refused.value.headers["WWW-Authenticate"] == challenge(Anonymous(Reason.REVOKED))


@given(st.binary())
def test_any_header_makes_a_caller(value: bytes) -> None:
    """Any bytes make an anonymous caller, and raise nothing."""
    assert authenticate_with(value) in (Anonymous(Reason.INVALID), Anonymous(Reason.MISSING))
    assert authenticate_with(b"Bearer " + value) == Anonymous(Reason.INVALID)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.MISSING, 'Bearer realm="gatepost"'),
        (
            Reason.EXPIRED,
            'Bearer realm="gatepost", error="invalid_token", error_description="The access token expired"',
        ),
        (
            Reason.INVALID,
            'Bearer realm="gatepost", error="invalid_token", error_description="The access token is not valid"',
        ),
        (
            Reason.REVOKED,
            'Bearer realm="gatepost", error="invalid_token", error_description="The session was ended"',
        ),
    ],
)
def test_challenge(reason: Reason, expected: str) -> None:
    """The challenge names an error only if a token was sent (RFC 6750, section 3.1)."""
    assert challenge(Anonymous(reason)) == expected


def test_user_is_required() -> None:
    """Requiring a user returns one, or raises Unauthorized with the challenge."""
    right = forge(make_claims(user_id=7))

    assert require_user(connect(right)).claims.user_id == 7
    with pytest.raises(Unauthorized) as refused:
        require_user(connect())
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="gatepost"'}
    with pytest.raises(Unauthorized) as refused:
        require_user(connect(list_faulty_tokens(make_claims())["alg none"]))
    assert "invalid_token" in refused.value.headers["WWW-Authenticate"]


def test_caller_is_found_once() -> None:
    """A caller is determined once per request: later calls get the same result."""
    connection = connect(forge(make_claims(user_id=7)))

    assert identify_caller(connection) is identify_caller(connection)


def test_caller_is_noted_for_the_log() -> None:
    """The log gets a user's id and session, or the reason why there is none."""
    signed_in, anonymous = connect(forge(CLAIMS)), connect()

    note_caller(signed_in, User(tokens().verify(TOKEN, NOW), TOKEN))
    identify_caller(anonymous)
    record = record_of(signed_in.scope)
    assert (record.user_id, record.session_id, record.anonymous_because) == (7, CLAIMS["sid"], None)
    assert record_of(anonymous.scope).anonymous_because == "missing"
