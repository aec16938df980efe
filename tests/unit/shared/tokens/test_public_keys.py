"""Public keys: their names, and how they are published and read again."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.key_pairs import read_key_pairs
from shared.tokens.public_keys import (
    LONGEST_SET,
    MOST_KEYS,
    KeySetRefused,
    compute_thumbprint,
    name_public_key,
    read_jwks,
    write_jwks,
)
from tests.support.signers import encode, encode_number, jwk_of, make_ec_key, make_rsa_key, signer_of, thumbprint_of

# RFC 7638, section 3.1.
SAMPLE_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv"
    "RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqD"
    "Kgw"
)
EC = {**jwk_of(make_ec_key()), "kid": thumbprint_of(make_ec_key()), "alg": "ES256", "use": "sig"}
RSA = {**jwk_of(make_rsa_key()), "kid": thumbprint_of(make_rsa_key()), "alg": "RS256", "use": "sig"}


def write(*keys: object, **others: object) -> bytes:
    """Return a key set as it is published."""
    return json.dumps({"keys": keys, **others}).encode()


def refusal(text: bytes) -> str:
    """Return why a key set is refused."""
    with pytest.raises(KeySetRefused) as refused:
        read_jwks(text)
    return str(refused.value)


def test_thumbprint_of_the_standard() -> None:
    """The name of a key is its thumbprint, as RFC 7638 computes it for its own example."""
    members = {"kty": "RSA", "n": SAMPLE_MODULUS, "e": "AQAB"}
    assert compute_thumbprint(members) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    name = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert read_jwks(write({**members, "kid": name}))[0].kid == name


def test_published_keys_come_back() -> None:
    """What is published is read as the same keys, and these verify what the private ones sign."""
    signers = signer_of("ES256"), signer_of("RS256")
    published = read_key_pairs(signers[0].pem + signers[1].pem).published
    text = write_jwks(published)

    assert json.loads(text) == {"keys": [EC, RSA]}
    assert read_jwks(text) == published
    for key, signer in zip(read_jwks(text), signers, strict=True):
        assert (key.kid, key.algorithm) == (signer.kid, signer.algorithm)
        assert key.verify(b"text", signer.sign(b"text"))
        assert not key.verify(b"texts", signer.sign(b"text"))


@given(st.integers(1, 10_000))
def test_any_key_comes_back(number: int) -> None:
    """A coordinate that begins with zeros keeps its length (RFC 7518, section 6.2.1.2)."""
    key = name_public_key(make_ec_key(number).public_key())
    assert {len(key.members[name]) for name in ("x", "y")} == {43}
    assert read_jwks(write_jwks([key])) == (key,)


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "AAAA", "kid": "1", "alg": "HS256"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {**jwk_of(make_ec_key(1, ec.SECP384R1())), "kid": "1"},
        {**jwk_of(make_ec_key(1, ec.SECP521R1())), "kid": "1"},
        {**EC, "crv": "secp256k1"},
        {**EC, "use": "enc"},
        {**EC, "alg": "ECDH-ES"},
        {**EC, "alg": "HS256"},
        {**RSA, "alg": "PS256"},
        {"kty": ["EC"]},
        {},
    ],
)
def test_what_is_not_understood_is_left_out(key: object) -> None:
    """A key of another kind or for another use is none of ours, whatever it says (RFC 7517, section 5)."""
    assert [each.kid for each in read_jwks(write(key, EC, RSA, version=2))] == [EC["kid"], RSA["kid"]]
    assert refusal(write(key)) == "a key set without a key of use"


POINT = make_ec_key().public_key().public_numbers()


@pytest.mark.parametrize(
    "change",
    [
        {"x": encode((POINT.x ^ 1).to_bytes(32, "big"))},
        {"x": EC["y"], "y": EC["x"]},
        {"x": encode(bytes(32)), "y": encode(bytes(32))},
        {"x": encode(b"\xff" * 32)},
        {"x": encode(b"\0" + POINT.x.to_bytes(32, "big"))},
        {"x": encode(POINT.x.to_bytes(32, "big")[:31])},
        {"x": EC["x"] + "="},
        {"x": EC["x"] + "\n"},
        {"x": ""},
        {"x": None},
        {"x": 7},
        {"y": [EC["y"]]},
        {"kid": None},
        {"kid": "1"},
        {"kid": EC["kid"] + " "},
        {"kid": RSA["kid"]},
        {"kid": [EC["kid"]]},
    ],
)
def test_a_point_that_is_not_right(change: dict[str, object]) -> None:
    """A key that is off the curve, spelled oddly, or under another name is left out, and no other for it."""
    assert [each.kid for each in read_jwks(write({**EC, **change}, RSA))] == [RSA["kid"]]
    assert refusal(write({**EC, **change})) == "a key set without a key of use"


@pytest.mark.parametrize("key", [{**EC, "d": "AAAA"}, {**RSA, "d": "AAAA"}, {**RSA, "p": "AAAA"}, {**EC, "d": None}])
def test_a_private_key(key: dict[str, object]) -> None:
    """A set with a private key is refused as a whole: whoever publishes it has lost it."""
    other = RSA if key["kty"] == "EC" else EC
    assert refusal(write(other, key)) == "a key set with a private key"


N = make_rsa_key().public_key().public_numbers().n


@pytest.mark.parametrize(
    "change",
    [
        {"n": encode(b"\0" + N.to_bytes(256, "big"))},
        {"n": encode(N.to_bytes(256, "big")[:-1])},
        {"n": encode_number(make_rsa_key(1024).public_key().public_numbers().n)},
        {"n": encode(b"\xff" * 513)},
        {"n": encode_number(N - 1)},
        {"n": ""},
        {"e": "Aw"},
        {"e": encode(b"\0\1\0\1")},
        {"e": encode_number(2**64 + 1)},
        {"e": None},
        {"kid": EC["kid"]},
    ],
)
def test_a_modulus_that_is_not_right(change: dict[str, object]) -> None:
    """An RSA key that is short, long, spelled oddly or of another exponent is left out, and no other for it."""
    assert [each.kid for each in read_jwks(write({**RSA, **change}, EC))] == [EC["kid"]]
    assert refusal(write({**RSA, **change})) == "a key set without a key of use"


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"[]", b"{}", b'{"keys": null}', b'{"keys": {}}', b'{"keys": []}', b'{"keys": [1]}', b"\xff"),
        b'{"keys": [null]}',
        b'{"keys": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"keys": [], "keys": [' + json.dumps(EC).encode() + b"]}",
        write(EC) + b" " * LONGEST_SET,
        write(*[EC] * (MOST_KEYS + 1)),
        b"<!doctype html>",
    ],
)
def test_what_is_no_key_set(text: bytes) -> None:
    """What is no set of keys, or far too much, is refused, and raises nothing else."""
    assert refusal(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "kid", "alg", "use", "x5c"])


@given(st.sampled_from([EC, RSA]), st.dictionaries(members, json_values | st.text(), min_size=1))
def test_any_key_ends_as_itself_or_refused(key: dict[str, str], changes: dict[str, object]) -> None:
    """A set with a key changed in any way holds only keys under their own names, or is refused."""
    try:
        read = read_jwks(write({**key, **changes}))
    except KeySetRefused:
        return
    assert [(each.kid, each.members) for each in read] == [(key["kid"], {name: key[name] for name in read[0].members})]


@given(st.binary() | st.text().map(str.encode))
def test_any_text_is_refused(text: bytes) -> None:
    """Any text is refused in one way."""
    assert refusal(text)
