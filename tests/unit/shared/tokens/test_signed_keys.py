"""The shared secrets of signed tokens: their rotation, and that one kind of token is never taken for another."""

import base64
import json
import uuid

import pytest

from shared.tokens.session_cookie import SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing, Refusal, ServiceTokens, TokenRefused, key_id
from tests.support.forged_tokens import ISSUER, SECRET, TTL, forge, kid_of, make_claims

NOW = 1_800_000_000
SESSION_ID = str(uuid.UUID(int=7))
NEW_SECRET = "the-next-access-token-key-0123456789"
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(SECRET)}
CLAIMS = make_claims(user_id=7, session_id=SESSION_ID, now=NOW)

tokens = AccessTokens(KeyRing(SECRET), ISSUER, TTL)
service_tokens = ServiceTokens({"posts_service": KeyRing("a-service-secret-0123456789abcdef-01")})


def sign(now: int = NOW, by: AccessTokens = tokens) -> str:
    """Return a valid token."""
    return by.sign(user_id=7, name="Ada Łovelace", email="ada@example.com", session_id=SESSION_ID, now=now)


def fault_of(token: str, now: int = NOW, by: AccessTokens = tokens) -> Refusal:
    """Return the fault for which a token is refused; any other error escapes."""
    with pytest.raises(TokenRefused) as refused:
        by.verify(token, now)
    return refused.value.refusal


def decode(segment: str) -> bytes:
    """Return the bytes of a base64url segment."""
    return base64.urlsafe_b64decode(segment + "==")


# Keys and their rotation


def test_previous_key_verifies_but_never_signs() -> None:
    """After a change of keys old tokens are still verified; new ones are signed with the new key."""
    rotated = AccessTokens(KeyRing(NEW_SECRET, [SECRET]), ISSUER, TTL)

    assert rotated.verify(sign(), NOW).user_id == 7
    assert json.loads(decode(sign(by=rotated).split(".")[0]))["kid"] == key_id(NEW_SECRET)
    assert fault_of(sign(by=rotated)) is Refusal.UNKNOWN_KEY, "who does not know the new key yet refuses"


def test_key_taken_out_no_longer_verifies() -> None:
    """Without the old key among the previous ones its tokens are refused."""
    assert fault_of(sign(), by=AccessTokens(KeyRing(NEW_SECRET), ISSUER, TTL)) is Refusal.UNKNOWN_KEY


def test_kid_of_one_key_and_signature_of_another() -> None:
    """Only the key that a token names is tried."""
    rotated = AccessTokens(KeyRing(NEW_SECRET, [SECRET]), ISSUER, TTL)

    assert fault_of(forge(CLAIMS, {**HEADER, "kid": kid_of(NEW_SECRET)}, SECRET), by=rotated) is Refusal.SIGNATURE


@pytest.mark.parametrize("secret", ['{"keys": []}', '{"kty":"oct","k":"AAAA"}', "[1]", "null", '"text"', "ключ" * 8])
def test_secret_that_means_something_elsewhere(secret: str) -> None:
    """A secret is mere bytes, even when its text is JSON or a key set."""
    odd = AccessTokens(KeyRing(secret), ISSUER, TTL)

    assert odd.verify(sign(by=odd), NOW).user_id == 7
    assert fault_of(sign(), by=odd) is Refusal.UNKNOWN_KEY


@pytest.mark.parametrize("secrets", [("",), ("a", "")])
def test_empty_key(secrets: tuple[str, ...]) -> None:
    """There is no key ring with an empty key."""
    with pytest.raises(ValueError, match="empty"):
        KeyRing(secrets[0], secrets[1:])


# Kinds of token


def test_service_token_names_the_caller() -> None:
    """A service token proves to the callee who is calling."""
    token = service_tokens.sign(caller="posts_service", callee="auth_service", now=NOW)

    assert service_tokens.verify(token, callee="auth_service", now=NOW + 59) == "posts_service"


@pytest.mark.parametrize(("callee", "now"), [("posts_service", NOW), ("auth_service", NOW + 60)])
def test_service_token_for_another_or_too_late(callee: str, now: int) -> None:
    """A service token is valid for one callee and one minute."""
    token = service_tokens.sign(caller="posts_service", callee="auth_service", now=NOW)

    with pytest.raises(TokenRefused):
        service_tokens.verify(token, callee=callee, now=now)


def test_kinds_are_not_taken_for_one_another() -> None:
    """Access token, service token and session cookie are refused where another is expected, even with equal keys."""
    services = ServiceTokens({"posts_service": KeyRing(SECRET)})
    service_token = services.sign(caller="posts_service", callee="gatepost", now=NOW)
    sealer = SessionSealer(SECRET, TTL)
    cookie = sealer.seal(CLAIMS, NOW)

    assert fault_of(service_token) is Refusal.HEADER
    assert fault_of(forge(CLAIMS, {**HEADER, "typ": "svc+jwt"}, SECRET)) is Refusal.HEADER
    assert fault_of(cookie) is Refusal.MALFORMED
    for other in (sign(), cookie):
        with pytest.raises(TokenRefused):
            services.verify(other, callee="gatepost", now=NOW)
    assert sealer.open(sign(), NOW) is None
    assert sealer.open(service_token, NOW) is None
