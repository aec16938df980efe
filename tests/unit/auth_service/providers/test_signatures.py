"""Other people's keys: what is taken of a key set, and which key is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.providers.http import ProviderFailed
from auth_service.providers.provider_keys import MOST_KEYS, find_key, read_key_set
from auth_service.providers.signatures import read_key
from tests.support.provider_keys import KINDS, make_pair


@pytest.mark.parametrize("algorithm", KINDS)
def test_keys_that_are_taken(algorithm: str) -> None:
    """RSA, P-256 and Ed25519 verify what they signed, by the algorithms of their kind or the one that they name."""
    pair = make_pair(KINDS[algorithm])
    for described in (dict(pair.described), {**pair.described, "alg": algorithm}):
        key = read_key(described)
        assert key is not None
        assert algorithm in key.algorithms
        signed, _, signature = pair.sign({"alg": algorithm}, {}).rpartition(".")
        from shared.tokens.compact_form import decode_segment  # noqa: PLC0415

        assert key.verify(algorithm, signed.encode(), decode_segment(signature))
        assert not key.verify(algorithm, signed.encode() + b"x", decode_segment(signature))
        assert not key.verify("HS256", signed.encode(), decode_segment(signature))
        assert not key.verify(algorithm, signed.encode(), b"")


RSA, CURVE = dict(make_pair("RSA").described), dict(make_pair("EC").described)


@pytest.mark.parametrize(
    "described",
    [
        None,
        "key",
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {**RSA, "use": "enc"},
        {**RSA, "alg": "RS1"},
        {**RSA, "alg": "RSA-OAEP"},
        {**RSA, "n": "AQAB"},
        {**RSA, "n": 7},
        {**RSA, "n": "A" * 10_000},
        {**RSA, "kid": ["one"]},
        {**RSA, "kty": ["RSA"]},
        {**CURVE, "crv": "P-384"},
        {**CURVE, "x": CURVE["y"]},
        {**CURVE, "x": ""},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "ML-DSA", "pub": "AA"},
    ],
)
def test_keys_that_are_left_out(described: object) -> None:
    """A key of another kind, for another use, or not right, is left out; the others of its set are taken."""
    assert read_key(described) is None
    assert [key.kid for key in read_key_set({"keys": [described, RSA]})] == ["one"]


def test_a_short_key_is_left_out() -> None:
    """An RSA key of fewer than 2048 bits signs nothing for us, and warns nobody."""
    assert read_key({**RSA, "n": "u" * 171}) is None


@pytest.mark.parametrize(
    "document", [None, [], {}, {"keys": {}}, {"keys": []}, {"keys": [{}]}, {"keys": [RSA] * (MOST_KEYS + 1)}]
)
def test_no_key_set(document: object) -> None:
    """What is no key set, has no key of use, or far too many, is refused as a whole."""
    with pytest.raises(ProviderFailed, match="keys_"):
        read_key_set(document)


def test_which_key_is_meant() -> None:
    """The one of that name that may be used with the algorithm. Never one of two, whether they are named or not."""
    curve, rsa = make_pair("EC", "curve").described, make_pair("RSA", "rsa").described
    keys = read_key_set({"keys": [curve, rsa]})
    assert (found := find_key(keys, "curve", "ES256")) is not None
    assert found.kid == "curve"
    assert find_key(keys, None, "ES256") is found, "none is named, and one fits"
    assert find_key(keys, "curve", "RS256") is None
    assert find_key(keys, "unknown", "ES256") is None
    assert find_key(read_key_set({"keys": [curve, make_pair("EC", "other").described]}), None, "ES256") is None
    doubled = read_key_set({"keys": [curve, {**make_pair("EC", "other").described, "kid": "curve"}]})
    assert find_key(doubled, "curve", "ES256") is None


@given(
    document=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda each: (
            st.lists(each)
            | st.dictionaries(st.sampled_from(["keys", "kty", "crv", "n", "e", "x", "y", "kid", "alg", "use"]), each)
        ),
    )
)
def test_any_document(document: object) -> None:
    """Any document is a key set or refused; nothing else happens."""
    try:
        assert read_key_set(document)
    except ProviderFailed as failure:
        assert failure.reason.startswith("keys_")  # noqa: PT017 - either is right
