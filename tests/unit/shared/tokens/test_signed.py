"""Signed tokens: what is accepted, and that each fault is refused."""

import base64
import json
import uuid
from collections.abc import Mapping

import pytest

from shared.tokens.signed import AccessTokens, Claims, Refusal, TokenRefused
from shared.tokens.token_kinds import MAX_TOKEN_LENGTH
from tests.support.forged_tokens import ISSUER, TTL, forge, list_faulty_tokens, make_claims
from tests.support.signers import USUAL
from tests.support.verifiers import make_tokens, tokens

NOW = 1_800_000_000
SESSION_ID = str(uuid.UUID(int=7))
CLAIMS = make_claims(user_id=7, session_id=SESSION_ID, now=NOW)

pytestmark = pytest.mark.usefixtures("signer")


def sign(now: int = NOW, by: AccessTokens | None = None) -> str:
    """Return a valid token."""
    return (by or tokens()).sign(
        user_id=7, name="Ada Łovelace", email="ada@example.com", session_id=SESSION_ID, now=now
    )


def fault_of(token: str, now: int = NOW, by: AccessTokens | None = None) -> Refusal:
    """Return the fault for which a token is refused; any other error escapes."""
    with pytest.raises(TokenRefused) as refused:
        (by or tokens()).verify(token, now)
    return refused.value.refusal


def forge_with(**changes: object) -> str:
    """Return a token with a valid signature and changed claims."""
    return forge({**CLAIMS, **changes})


def decode(segment: str) -> bytes:
    """Return the bytes of a base64url segment."""
    return base64.urlsafe_b64decode(segment + "==")


# What is right


def test_signed_token_is_verified() -> None:
    """What was signed comes back as claims, including names beyond ASCII."""
    claims = tokens().verify(sign(), NOW + 60)

    assert claims == Claims(
        user_id=7,
        name="Ada Łovelace",
        email="ada@example.com",
        session_id=SESSION_ID,
        token_id=claims.token_id,
        issued_at=NOW,
        expires_at=NOW + TTL,
    )
    assert claims.token_id != tokens().verify(sign(), NOW).token_id, "each token has its own id"


def test_an_address_is_proven_only_where_the_token_says_so() -> None:
    """``email_verified`` is there where it is true, and a token without it, or with false, proves no address."""
    proven = tokens().sign(user_id=7, name="A", email="a@b.c", session_id=SESSION_ID, now=NOW, email_verified=True)
    assert json.loads(decode(proven.split(".")[1]))["email_verified"] is True
    assert tokens().verify(proven, NOW).email_verified
    assert not tokens().verify(sign(), NOW).email_verified
    assert not tokens().verify(forge_with(email_verified=False), NOW).email_verified


def test_form_of_an_access_token() -> None:
    """An access token is a JWS with exactly these header members and claims (RFC 9068)."""
    token = sign()

    header, payload = (json.loads(decode(segment)) for segment in token.split(".")[:2])
    assert header == USUAL.signer.header
    theirs = {"client_id"} if USUAL.signer.key else set()
    assert set(payload) == {"iss", "aud", "sub", "id", "name", "email", "sid", "jti", "iat", "exp", *theirs}
    assert (payload["iss"], payload["aud"], payload["sub"], payload["id"]) == (ISSUER, "gatepost", "7", 7)
    assert payload["exp"] - payload["iat"] == TTL


def test_token_made_by_hand_is_verified() -> None:
    """A token made by another implementation of the same rules is accepted."""
    assert tokens().verify(forge(CLAIMS), NOW).user_id == 7


# The gate on the raw text


def test_each_fault_is_refused(subtests: pytest.Subtests) -> None:
    """A token with any one fault is refused, and nothing else happens."""
    for fault, token in list_faulty_tokens(make_claims(user_id=7, now=NOW)).items():
        with subtests.test(fault), pytest.raises(TokenRefused):
            tokens().verify(token, NOW)


def test_longest_token() -> None:
    """A token of 4096 characters is read; a longer one is malformed, even with a valid signature."""
    fill = (MAX_TOKEN_LENGTH - len(forge_with(name=""))) * 3 // 4
    forged = [forge_with(name="x" * (fill + extra)) for extra in range(-4, 5)]
    longest = max((token for token in forged if len(token) <= MAX_TOKEN_LENGTH), key=len)
    next_longer = min((token for token in forged if len(token) > MAX_TOKEN_LENGTH), key=len)

    assert tokens().verify(longest, NOW).user_id == 7
    assert fault_of(next_longer) is Refusal.MALFORMED
    assert len(next_longer) - len(longest) <= 2


@pytest.mark.parametrize("tail", [" ", "\n", "=", "\0", "\u0661", "é", "."])
def test_nothing_may_follow_a_token(tail: str) -> None:
    """A token with anything after it, even a final newline, is malformed."""
    assert fault_of(sign() + tail) is Refusal.MALFORMED


def test_bits_that_mean_nothing_are_zero() -> None:
    """A segment has one spelling: a signature whose last character has other unused bits is refused."""
    token = sign()
    assert fault_of(token[:-1] + chr(ord(token[-1]) + 1)) is Refusal.MALFORMED


# The header


@pytest.mark.parametrize("name", ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x5t", "cty", "extra"])
def test_header_has_no_other_member(name: str) -> None:
    """A header with any member besides alg, typ and kid is refused before the signature is checked."""
    assert fault_of(forge(CLAIMS, {**USUAL.signer.header, name: "value"})) is Refusal.HEADER


@pytest.mark.parametrize("depth", [2, 10, 1500])
def test_header_is_flat(depth: int) -> None:
    """A nested header is refused without being parsed, however deep, in objects or arrays."""
    signed = forge(
        CLAIMS, f'{{"alg":"{USUAL.signer.algorithm}","typ":"at+jwt","kid":' + "[" * depth + "]" * depth + "}"
    )
    objects = forge(CLAIMS, '{"kid":' * depth + "1" + "}" * depth)

    assert fault_of(signed) is Refusal.HEADER if len(signed) <= MAX_TOKEN_LENGTH else Refusal.MALFORMED
    assert fault_of(objects) in {Refusal.HEADER, Refusal.MALFORMED}


@pytest.mark.parametrize(
    "change", [{"alg": "HS512"}, {"alg": "none"}, {"alg": "hs256"}, {"alg": "es256"}, {"typ": "JWT"}]
)
def test_header_chooses_nothing(change: Mapping[str, str]) -> None:
    """We choose the algorithm and the kind of token; the token does not."""
    assert fault_of(forge(CLAIMS, {**USUAL.signer.header, **change})) is Refusal.HEADER


@pytest.mark.parametrize("kid", ["", "00000000", "../../etc/passwd", "' OR 1=1 --", 7, None, True])
def test_unknown_key_is_refused(kid: object) -> None:
    """A kid selects from a fixed map in memory; an unknown one is refused."""
    assert fault_of(forge(CLAIMS, {**USUAL.signer.header, "kid": kid})) is Refusal.UNKNOWN_KEY


# Claims


@pytest.mark.parametrize("name", ["exp", "iat", "sub", "aud", "iss", "jti", "sid", "id", "name", "email"])
@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, "", [1], 10**300])
def test_each_claim_is_there_and_of_its_type(name: str, value: object) -> None:
    """A claim that is missing, empty or of another type is refused."""
    assert fault_of(forge_with(**{name: value})) is Refusal.CLAIMS
    assert fault_of(forge({claim: given for claim, given in CLAIMS.items() if claim != name})) is Refusal.CLAIMS


def test_claims_named_twice() -> None:
    """Claims with a duplicate member are refused: two parsers could read different values."""
    assert fault_of(forge(json.dumps(CLAIMS)[:-1] + ', "id": 8, "sub": "8"}')) is Refusal.MALFORMED


@pytest.mark.parametrize("text", ["1e400", "NaN", "-Infinity", "null", "[]", "9" * 2000])
def test_times_that_break_libraries(text: str) -> None:
    """A time that is infinite, not a number or enormous is refused, and raises no other error."""
    claims = json.dumps({**CLAIMS, "exp": "PLACE"}).replace('"PLACE"', text)
    assert fault_of(forge(claims)) is Refusal.CLAIMS


def test_moment_of_expiry() -> None:
    """A token is valid in the last second before exp, and expired at exp, without tolerance."""
    assert tokens().verify(sign(), NOW + TTL - 1).user_id == 7
    assert fault_of(sign(), NOW + TTL) is Refusal.EXPIRED


def test_clock_that_runs_behind() -> None:
    """A token made up to 30 seconds ahead of our clock is valid, one from further ahead is not."""
    assert tokens().verify(sign(), NOW - 30).user_id == 7
    assert fault_of(sign(), NOW - 31) is Refusal.CLAIMS


def test_not_before() -> None:
    """A token with nbf is not valid before that, except for the tolerated difference of clocks (RFC 7519, 4.1.5)."""
    assert tokens().verify(forge_with(nbf=NOW), NOW).user_id == 7
    assert tokens().verify(forge_with(nbf=NOW + 30), NOW).user_id == 7
    assert fault_of(forge_with(nbf=NOW + 31)) is Refusal.CLAIMS
    for value in (None, "0", True, 1.0, []):
        assert fault_of(forge_with(nbf=value)) is Refusal.CLAIMS


def test_a_token_may_end_with_its_session() -> None:
    """A token lives no longer than its session, nor than tokens may, but for at least a second."""
    for ends_at, expires_at in ((NOW + 90, NOW + 90), (NOW + TTL + 1, NOW + TTL), (NOW - 5, NOW + 1)):
        claims = {"user_id": 7, "name": "Ada", "email": "a@b.c", "session_id": SESSION_ID}
        token = tokens().sign(**claims, now=NOW, ends_at=ends_at)
        assert tokens().verify(token, NOW).expires_at == expires_at


@pytest.mark.parametrize(("life", "fresh_for"), [(3600, 3541), (120, 61), (119, 61), (30, 16), (1, 1)])
def test_when_a_token_is_to_be_replaced(life: int, fresh_for: int) -> None:
    """A token is fresh until a minute before its end; one with a short life, for half of it."""
    claims = tokens().verify(forge_with(exp=NOW + life), NOW)
    assert claims.is_fresh(NOW)
    assert claims.is_fresh(NOW + fresh_for - 1)
    assert not claims.is_fresh(NOW + fresh_for)


def test_longest_life() -> None:
    """A token that lives longer than ours do is refused, even if signed with our key."""
    assert tokens().verify(forge_with(exp=NOW + TTL), NOW).user_id == 7
    assert fault_of(forge_with(exp=NOW + TTL + 1)) is Refusal.CLAIMS
    assert fault_of(forge_with(iat=NOW, exp=NOW)) is Refusal.CLAIMS


@pytest.mark.parametrize("change", [{"iss": ISSUER + "/"}, {"iss": "http://other"}, {"aud": "Gatepost"}, {"sub": "07"}])
def test_issuer_audience_and_subject_are_exact(change: dict[str, str]) -> None:
    """Issuer and audience are exactly ours, and the subject is the id."""
    assert fault_of(forge_with(**change)) is Refusal.CLAIMS


@pytest.mark.parametrize("sid", ["7", "{" + SESSION_ID + "}", SESSION_ID.replace("-", ""), "urn:uuid:" + SESSION_ID])
def test_session_id_has_one_spelling(sid: str) -> None:
    """A sid is a UUID in its usual spelling, so that a revocation always matches it."""
    assert fault_of(forge_with(sid=sid)) in {Refusal.CLAIMS, Refusal.MALFORMED}


def test_refusal_does_not_tell_the_token() -> None:
    """The text of a refusal has its reason and nothing of the token."""
    token = sign()
    with pytest.raises(TokenRefused) as refused:
        tokens().verify(token, NOW + TTL)
    assert str(refused.value) == "expired"


# What is remembered


def test_remembered_token_ends_with_its_time() -> None:
    """A verified token is refused once it has expired, and while a clock that was set back is before its start."""
    mine = make_tokens()
    token = sign(by=mine)
    mine.verify(token, NOW)

    assert fault_of(token, NOW + TTL, by=mine) is Refusal.EXPIRED
    assert fault_of(token, NOW - 31, by=mine) is Refusal.CLAIMS
    assert mine.verify(token, NOW + TTL - 1).user_id == 7


def test_remembered_token_helps_no_other() -> None:
    """A token that differs in one character from a verified one is verified by itself."""
    mine = make_tokens()
    token = sign(by=mine)
    mine.verify(token, NOW)

    assert fault_of(f"{token[:-1]}{'A' if token[-1] != 'A' else 'E'}", by=mine) is not Refusal.EXPIRED
    assert fault_of(f"{token} ", by=mine) is Refusal.MALFORMED


def test_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens are verified or refused, only the last of them are cached, and the results stay the same."""
    monkeypatch.setattr("shared.tokens.signed.MAX_REMEMBERED", 3)
    monkeypatch.setattr("shared.tokens.signed.MAX_REFUSED", 2)
    mine = make_tokens()
    issued = [sign(by=mine) for _ in range(10)]
    forged = [forge({**CLAIMS, "jti": str(number)}, secret="some other") for number in range(10)]

    assert {mine.verify(token, NOW).token_id for token in issued * 2} == {
        tokens().verify(token, NOW).token_id for token in issued
    }
    assert {fault_of(token, by=mine) for token in forged * 2} == {Refusal.SIGNATURE}
    assert (len(mine._read), len(mine._refused)) == (3, 2)  # noqa: SLF001 - the bounds can't be seen from outside


def test_a_refusal_that_is_remembered() -> None:
    """A token is refused for the same reason each time, and evicts none that was verified."""
    header = USUAL.signer.header
    unsigned = forge(CLAIMS, secret="some other")
    refused = {
        unsigned: Refusal.SIGNATURE,
        forge(CLAIMS, {**header, "kid": "00000000"}): Refusal.UNKNOWN_KEY,
        forge(CLAIMS, {**header, "alg": "none"}): Refusal.HEADER,
        forge({**CLAIMS, "aud": "other"}): Refusal.CLAIMS,
        "x.y.z": Refusal.MALFORMED,
        unsigned[:-1] + "B": Refusal.MALFORMED,
        "x" * MAX_TOKEN_LENGTH * 2: Refusal.MALFORMED,
    }
    for token, fault in refused.items():
        mine = make_tokens()
        mine.verify(sign(by=mine), NOW)
        assert {fault_of(token, by=mine) for _ in range(3)} == {fault}
        assert len(mine._read) == 1  # noqa: SLF001 - the memory can't be seen from outside


def test_no_refusal_for_its_time_is_remembered() -> None:
    """A token that is not valid yet is refused until then, and then accepted: only the time was wrong."""
    mine = make_tokens()
    token = forge_with(nbf=NOW + 100)

    assert fault_of(token, NOW + 69, by=mine) is Refusal.CLAIMS
    assert mine.verify(token, NOW + 70).user_id == 7
    assert fault_of(token, NOW + 69, by=mine) is Refusal.CLAIMS
    assert fault_of(token, NOW + TTL, by=mine) is Refusal.EXPIRED


def test_only_our_own_spelling_of_a_header_is_known() -> None:
    """The header that we sign with is known without being parsed; the others, which have no end, are not."""
    mine = make_tokens()
    token = sign(by=mine)
    for blanks in range(3):
        mine.verify(forge(CLAIMS, json.dumps(USUAL.signer.header) + " " * blanks), NOW)
    mine.verify(token, NOW)

    assert list(mine._kind._own_headers) == [token.partition(".")[0]]  # noqa: SLF001 - it can't be seen from outside
