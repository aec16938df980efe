"""Signed tokens, given any input: it is verified or refused in one of the known ways."""

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.signed import KeyRing, Refusal, ServiceTokens, TokenRefused
from tests.support.forged_tokens import forge, make_claims
from tests.support.signers import USUAL
from tests.support.verifiers import tokens

NOW = 1_800_000_000
CLAIMS = make_claims(user_id=7, session_id=str(uuid.UUID(int=7)), now=NOW)

pytestmark = pytest.mark.usefixtures("signer")
service_tokens = ServiceTokens({"posts_service": KeyRing("a-service-secret-0123456789abcdef-01")})

segments = st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def fault_of(token: str) -> Refusal:
    """Return the fault for which a token is refused; any other error escapes."""
    with pytest.raises(TokenRefused) as refused:
        tokens().verify(token, NOW)
    return refused.value.refusal


@given(
    st.text()
    | st.text(alphabet="abcXYZ019-_.= +/\n")
    | st.builds(lambda *parts: ".".join(parts), segments, segments, segments)
)
def test_any_text_is_refused(text: str) -> None:
    """Any text is refused, and never raises another error."""
    assert fault_of(text) in Refusal
    with pytest.raises(TokenRefused):
        service_tokens.verify(text, callee="auth_service", now=NOW)


@given(st.binary())
def test_bytes_are_refused(raw: bytes) -> None:
    """Bytes, which no caller should pass, are refused as well."""
    assert fault_of(raw) is Refusal.MALFORMED  # type: ignore[arg-type]
    with pytest.raises(TokenRefused):
        service_tokens.verify(raw, callee="auth_service", now=NOW)  # type: ignore[arg-type]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), json_values, min_size=1))
def test_any_claims_end_as_verified_or_refused(changes: dict[str, object]) -> None:
    """Signed claims of any shape are verified, with their values unchanged, or refused."""
    claims = {**CLAIMS, **changes}
    try:
        verified = tokens().verify(forge(claims), NOW)
    except TokenRefused:
        return
    assert (verified.user_id, verified.session_id) == (claims["id"], claims["sid"])
    assert verified.issued_at <= NOW + 5
    assert verified.expires_at > NOW


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jku", "x"]), json_values, min_size=1))
def test_any_header_ends_as_verified_or_refused(changes: dict[str, object]) -> None:
    """A signed token with another header is refused, whatever that header holds."""
    header = {**USUAL.signer.header, **changes}
    if header != USUAL.signer.header:
        assert fault_of(forge(CLAIMS, header)) in Refusal


@given(st.data())
def test_any_change_of_a_character_is_noticed(data: st.DataObject) -> None:
    """No single character of a token can be changed."""
    token = forge(CLAIMS)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDabcd0189-_.=+ \n").filter(lambda character: character != token[at]))

    assert fault_of(token[:at] + other + token[at + 1 :]) in Refusal


@given(st.integers(1, 2**63 - 1), st.text(min_size=1, max_size=80), st.uuids(), st.integers(0, 2**40))
def test_round_trip(user_id: int, name: str, session_id: uuid.UUID, now: int) -> None:
    """Whatever user is signed is verified as the same user."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    token = tokens().sign(user_id=user_id, name=name, email="a@b.example", session_id=str(session_id), now=now)

    claims = tokens().verify(token, now)
    assert (claims.user_id, claims.name, claims.session_id) == (user_id, name, str(session_id))
