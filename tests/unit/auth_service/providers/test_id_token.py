"""ID tokens: whatever is not exactly what was asked for is refused by one word, and nothing else ever happens."""

import string
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.providers.id_token import (
    LONGEST,
    TOLERANCE,
    Expected,
    IdTokenRefused,
    find_authenticated_at,
    open_id_token,
    split_id_token,
)
from auth_service.providers.metadata import ALGORITHMS
from auth_service.providers.signatures import ProviderKey, read_key
from tests.support.provider_keys import KINDS, encode, make_pair

NOW = 1_800_000_000
EXPECTED = Expected("https://login.example.com", "client", "the nonce")
GOOD: Mapping[str, object] = {
    "iss": EXPECTED.issuer,
    "aud": EXPECTED.client_id,
    "sub": "ada",
    "nonce": EXPECTED.nonce,
    "exp": NOW + 60,
    "iat": NOW,
}


def key_of(kind: str) -> ProviderKey:
    """Return the public key of a kind as we read it."""
    key = read_key(make_pair(kind).described)
    assert key is not None
    return key


def read(token: object, now: float = NOW, kind: str = "EC") -> Mapping[str, object]:
    """Return the claims of a token that is said to be by a key of a kind."""
    return open_id_token(split_id_token(token, ALGORITHMS), key_of(kind), EXPECTED, now)


def refusal(token: object, now: float = NOW, kind: str = "EC") -> str:
    """Return the word by which a token is refused."""
    with pytest.raises(IdTokenRefused) as refused:
        read(token, now, kind)
    return refused.value.reason


def sign(claims: object, **header: object) -> str:
    """Return these claims, signed on the curve."""
    return make_pair("EC").sign({"alg": "ES256", "kid": "one", **header}, claims)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_token(algorithm: str) -> None:
    """A token is believed by whichever algorithm of the list it is signed, if the key may be used with that."""
    kind = KINDS[algorithm]
    token = make_pair(kind).sign({"alg": algorithm, "kid": "one", "typ": "JWT"}, GOOD)
    assert read(token, kind=kind) == GOOD
    other = "EC" if kind != "EC" else "RSA"
    assert refusal(token, kind=other) == "id_token_signature"


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "RS512", "ES256K", "", None, 7, ["ES256"]])
def test_other_algorithms(algorithm: object) -> None:
    """What is on no list of ours is refused before anything else is looked at, however it is spelled."""
    token = f"{encode({'alg': algorithm})}.{encode(GOOD)}.{encode(b'signature')}"
    assert refusal(token) == "id_token_algorithm"
    assert refusal(token.rpartition(".")[0] + ".") == "id_token_malformed"


def test_only_what_the_provider_announces() -> None:
    """A good signature by an algorithm that the provider does not announce is refused, too."""
    with pytest.raises(IdTokenRefused, match="id_token_algorithm"):
        split_id_token(sign(GOOD), ("RS256",))


def test_an_rsa_key_as_a_secret() -> None:
    """A token that is signed with HS256 by the text of a public key is not believed (RFC 8725, section 2.1)."""
    pair = make_pair("RSA")
    header = {"alg": "HS256", "kid": "one"}
    from joserfc.jwk import OctKey  # noqa: PLC0415 - what an attacker would use
    from joserfc.jws import serialize_compact  # noqa: PLC0415

    secret = OctKey.import_key(encode(pair.described))
    token = serialize_compact(header, encode(GOOD), secret, algorithms=["HS256"])
    assert refusal(token, kind="RSA") == "id_token_algorithm"
    renamed = f"{encode({**header, 'alg': 'RS256'})}.{token.partition('.')[2]}"
    assert refusal(renamed, kind="RSA") == "id_token_signature"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://login.example.com/"}, "id_token_issuer"),
        ({"iss": ["https://login.example.com"]}, "id_token_issuer"),
        ({"iss": None}, "id_token_issuer"),
        ({"aud": "another"}, "id_token_audience"),
        ({"aud": ["another", "third"]}, "id_token_audience"),
        ({"aud": []}, "id_token_audience"),
        ({"aud": {"client": True}}, "id_token_audience"),
        ({"aud": "client2"}, "id_token_audience"),
        ({"aud": ["client", "another"]}, "id_token_azp"),
        ({"aud": ["client", "another"], "azp": "another"}, "id_token_azp"),
        ({"azp": "another"}, "id_token_azp"),
        ({"azp": None}, "id_token_azp"),
        ({"exp": NOW - TOLERANCE}, "id_token_expired"),
        ({"exp": True}, "id_token_without_exp"),
        ({"exp": str(NOW + 60)}, "id_token_without_exp"),
        ({"exp": -1}, "id_token_without_exp"),
        ({"exp": 2**53}, "id_token_without_exp"),
        ({"exp": float("inf")}, "id_token_without_exp"),
        ({"exp": float("nan")}, "id_token_without_exp"),
        ({"iat": NOW + TOLERANCE + 1}, "id_token_from_the_future"),
        ({"iat": [NOW]}, "id_token_without_iat"),
        ({"nonce": "another"}, "id_token_nonce"),
        ({"nonce": "the nonce\x00"}, "id_token_nonce"),
        ({"nonce": None}, "id_token_nonce"),
        ({"nonce": ["the nonce"]}, "id_token_nonce"),
        ({"nonce": "\ud800"}, "id_token_nonce"),
    ],
)
def test_claims_that_are_not_right(changed: Mapping[str, object], reason: str) -> None:
    """Each claim that has to be something is that exactly."""
    assert refusal(sign({**GOOD, **changed})) == reason


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "iat", "nonce"])
def test_claims_that_are_missing(missing: str) -> None:
    """Each claim that has to be there is missed."""
    assert refusal(sign({name: value for name, value in GOOD.items() if name != missing})) is not None


@pytest.mark.parametrize("audience", ["client", ["client"]])
@pytest.mark.parametrize("azp", [{}, {"azp": "client"}])
def test_audiences_that_are_right(audience: object, azp: Mapping[str, object]) -> None:
    """We alone, as a text or in a list; or several, of whom it says that it was made for us."""
    assert read(sign({**GOOD, "aud": audience, **azp}))
    assert read(sign({**GOOD, "aud": ["another", "client"], "azp": "client"}))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"crit": ["exp"]}, "id_token_header"),
        ({"crit": []}, "id_token_header"),
        ({"b64": False}, "id_token_header"),
        ({"typ": "at+jwt"}, "id_token_header"),
        ({"typ": "logout+jwt"}, "id_token_header"),
        ({"typ": 7}, "id_token_header"),
        ({"kid": 7}, "id_token_header"),
        ({"x": "y" * 4096}, "id_token_malformed"),
    ],
)
def test_headers_that_are_not_right(header: Mapping[str, object], reason: str) -> None:
    """A header that demands something, or is another kind of token's, is refused, however well it is signed."""
    assert refusal(sign(GOOD, **header)) == reason


def test_keys_that_a_token_brings_along() -> None:
    """They are not looked at: whoever signed by one of them has signed by no key of the provider's."""
    stranger = make_pair("EC", "stranger")
    for name, value in (("jwk", stranger.described), ("jku", "https://evil.example"), ("x5c", ["AA"])):
        assert read(sign(GOOD, **{name: value})) == GOOD
        forged = stranger.sign({"alg": "ES256", "kid": "one", name: value}, GOOD)
        assert refusal(forged) == "id_token_signature"


def test_one_spelling() -> None:
    """A token has one text: neither padding, blanks, junk, another alphabet nor a changed last character is taken."""
    token = sign(GOOD)
    header, payload, signature = token.split(".")
    last = (
        string.ascii_letters[(string.ascii_letters.index(signature[-1]) + 1) % 52] if signature[-1].isalpha() else "B"
    )
    for other in (
        f"{token}=",
        f" {token}",
        f"{token}\n",
        f"{header}.{payload}.{signature}.",
        f"{header}.{payload}.",
        f"{header}..{signature}",
        token.replace("-", "+").replace("_", "/") + "+",
        f"{header}.{payload}.{signature[:-1]}{last}",
        token.encode(),
        "",
        None,
        {"id_token": token},
        "a" * (LONGEST + 1),
    ):
        assert refusal(other) in {"id_token_malformed", "id_token_signature"}


def test_objects_have_one_meaning() -> None:
    """A member that is there twice, or an object that is none, or nested without end, is refused; no error escapes."""
    pair = make_pair("EC")
    header = encode({"alg": "ES256", "kid": "one"})
    twice = encode(b'{"iss": "https://login.example.com", "iss": "https://evil.example"}')
    deep = encode(b'{"a":' * 2000 + b"1" + b"}" * 2000)
    for payload in (twice, deep, encode([GOOD]), encode(b"not json"), encode(b"\xff\xfe")):
        signature = pair.sign({"alg": "ES256", "kid": "one"}, payload)
        assert refusal(signature) == "id_token_malformed"
        assert signature.startswith(header)
    for bad in (b'{"alg":"ES256","alg":"none"}', b"[]", b"\xff", b'{"a":' * 400):
        assert refusal(f"{encode(bad)}.{encode(GOOD)}.{encode(b'x')}") in {"id_token_malformed", "id_token_algorithm"}


def test_when_somebody_proved_it() -> None:
    """``auth_time`` is when they did, never later than now; without it nobody knows; and what is no time is refused."""
    assert find_authenticated_at({}, NOW) is None
    assert find_authenticated_at({"auth_time": NOW - 5}, NOW) == NOW - 5
    assert find_authenticated_at({"auth_time": NOW + 1000}, NOW) == NOW
    for value in ("now", None, True, -1, [NOW]):
        with pytest.raises(IdTokenRefused, match="id_token_without_auth_time"):
            find_authenticated_at({"auth_time": value}, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(claims=st.dictionaries(st.sampled_from([*GOOD, "azp", "auth_time"]), JSON))
def test_any_claims(claims: Mapping[str, object]) -> None:
    """Whatever stands in a well-signed token, it is believed only if it is what was asked for; nothing else happens."""
    said = {**GOOD, **claims}
    try:
        read(sign(said))
    except IdTokenRefused:
        return
    assert (said["iss"], said["nonce"]) == (EXPECTED.issuer, EXPECTED.nonce)
    assert said["aud"] == "client" or (isinstance(said["aud"], list) and "client" in said["aud"])


@given(text=st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_any_text(text: str) -> None:
    """Any text is refused, and none raises anything else."""
    assert refusal(text, time.time()).startswith("id_token_")
