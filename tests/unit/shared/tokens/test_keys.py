"""Keys that change while a process runs, shared secrets beside key pairs, and that no key passes for another."""

import uuid

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from shared.tokens.key_pairs import IssuerKeys, KeyPairs, read_key_pairs
from shared.tokens.keys import Keys, PublishedKeys
from shared.tokens.signed import AccessTokens, KeyRing, Refusal, TokenRefused
from tests.support.forged_tokens import ISSUER, SECRET, TTL, forge, kid_of, make_claims, read_claims, read_header
from tests.support.signers import ORDER, Signer, encode, make_ec_key, pair_up, signer_of, write_public

NOW = 1_800_000_000
CLAIMS = make_claims(user_id=7, session_id=str(uuid.UUID(int=7)), now=NOW)
HS256, RS256 = signer_of("HS256"), signer_of("RS256")
ONE, TWO = pair_up(make_ec_key(1)), pair_up(make_ec_key(2))
PUBLIC_ONE, PUBLIC_TWO = write_public(make_ec_key(1)), write_public(make_ec_key(2))
NONE = KeyRing(None)


def outcome(tokens: AccessTokens, token: str) -> Refusal | None:
    """Return why a token is refused, or None where it is verified."""
    try:
        tokens.verify(token, NOW)
    except TokenRefused as error:
        return error.refusal
    return None


def verifying(keys: Keys) -> AccessTokens:
    """Return what verifies with these keys."""
    return AccessTokens(keys, ISSUER, TTL)


def sign(tokens: AccessTokens) -> str:
    """Return a new token."""
    return tokens.sign(user_id=7, name="Ada", email="ada@example.com", session_id=str(CLAIMS["sid"]), now=NOW)


def pairs(*contents: bytes) -> KeyPairs:
    """Return the key pairs of a file with these blocks."""
    return read_key_pairs(b"".join(contents))


# Change


def test_a_retired_key_is_refused_at_once() -> None:
    """A token of a key that was taken out is refused at once, though it was verified before, and taken with the key."""
    keys = PublishedKeys(NONE)
    tokens, token = verifying(keys), forge(CLAIMS, by=ONE)
    for published, said in (
        (pairs(ONE.pem), None),
        (pairs(TWO.pem), Refusal.UNKNOWN_KEY),
        (pairs(TWO.pem, PUBLIC_ONE), None),
        (pairs(TWO.pem), Refusal.UNKNOWN_KEY),
    ):
        keys.replace(published.published)
        assert [outcome(tokens, token) for _ in range(2)] == [said, said]


def test_a_token_refused_before_is_taken_with_its_key() -> None:
    """A token of a key that was not known yet is taken once the key is."""
    keys = PublishedKeys(NONE)
    tokens, token = verifying(keys), forge(CLAIMS, by=ONE)
    assert outcome(tokens, token) is Refusal.UNKNOWN_KEY
    keys.replace(pairs(ONE.pem).published)
    assert outcome(tokens, token) is None


def test_the_same_keys_again_forget_nothing() -> None:
    """Reading the same keys again, in any order, empties no memory."""
    keys = PublishedKeys(NONE)
    keys.replace(pairs(ONE.pem, TWO.pem).published)
    before = keys.version
    keys.replace(pairs(TWO.pem, ONE.pem).published)
    keys.replace(pairs(TWO.pem, PUBLIC_ONE).published)
    assert keys.version == before


def test_rotation() -> None:
    """A key is announced, signs, and retires: at each step all tokens of before are verified by issuer and others."""
    issuer, verifier = IssuerKeys(NONE, pairs(ONE.pem)), PublishedKeys(NONE)
    verifier.replace(issuer.published)
    issuing, checking = verifying(issuer), verifying(verifier)
    signed = [sign(issuing)]
    steps = [(ONE, (ONE.pem, PUBLIC_TWO)), (TWO, (TWO.pem, PUBLIC_ONE)), (TWO, (TWO.pem,))]
    for signer, content in steps[:2]:
        issuer.replace(pairs(*content))
        verifier.replace(issuer.published)
        signed.append(sign(issuing))
        assert read_header(signed[-1]) == signer.header
        assert {outcome(by, token) for by in (issuing, checking) for token in signed} == {None}

    issuer.replace(pairs(*steps[2][1]))
    assert [outcome(issuing, token) for token in signed] == [Refusal.UNKNOWN_KEY, Refusal.UNKNOWN_KEY, None]


def test_from_a_shared_secret_to_a_key_pair() -> None:
    """With both the pair signs and both verify; without the secret its tokens are refused."""
    old = verifying(KeyRing(SECRET))
    issuing = verifying(IssuerKeys(KeyRing(SECRET), pairs(ONE.pem)))
    published = PublishedKeys(KeyRing(SECRET))
    checking = verifying(published)
    published.replace(pairs(ONE.pem).published)
    before, after = sign(old), sign(issuing)

    assert [outcome(by, token) for by in (issuing, checking) for token in (before, after)] == [None] * 4
    later = verifying(IssuerKeys(NONE, pairs(ONE.pem)))
    assert [outcome(later, token) for token in (before, after)] == [Refusal.UNKNOWN_KEY, None]
    assert outcome(old, after) is Refusal.UNKNOWN_KEY
    verified_only = verifying(IssuerKeys(KeyRing(None, [SECRET]), pairs(ONE.pem)))
    assert [outcome(verified_only, token) for token in (before, after)] == [None, None]


def test_without_any_key_nobody_is_let_in() -> None:
    """A service that has no key yet says so, refuses each token, and signs none."""
    keys = PublishedKeys(NONE)
    assert keys.find_lack() == "no key yet"
    for signer in (HS256, ONE, RS256):
        assert outcome(verifying(keys), forge(CLAIMS, by=signer)) is Refusal.UNKNOWN_KEY
    with pytest.raises(RuntimeError, match="nothing is signed here"):
        sign(verifying(keys))
    keys.replace(pairs(ONE.pem).published)
    assert keys.find_lack() is None
    assert PublishedKeys(KeyRing(SECRET)).find_lack() is None


@pytest.mark.parametrize(
    ("header", "is_asked_for"),
    [
        (ONE.header, True),
        ({**ONE.header, "alg": "RS256"}, True),
        ({**ONE.header, "alg": "none"}, False),
        ({**ONE.header, "alg": "ES384"}, False),
        ({**ONE.header, "typ": "JWT"}, False),
        ({**ONE.header, "jku": "https://evil.example"}, False),
        *(({**ONE.header, "kid": kid}, False) for kid in ("00000000", "", "x" * 44, None, 7, "../" * 14 + "x")),
        (TWO.header, False),
    ],
)
def test_only_a_key_that_may_be_published_is_asked_for(header: dict[str, object], is_asked_for: bool) -> None:  # noqa: FBT001 - a table of cases
    """An unknown key is reported where the token could be one of a key pair, and only there."""
    asked: list[None] = []
    keys = PublishedKeys(KeyRing(SECRET))
    keys.replace(pairs(TWO.pem).published)
    keys.on_unknown = lambda: asked.append(None)
    tokens, token = verifying(keys), forge(CLAIMS, header, by=TWO)
    for _ in range(3):
        outcome(tokens, token)
    assert bool(asked) is is_asked_for


@pytest.mark.parametrize(
    ("kid", "is_remembered"), [("00000000", True), (TWO.header["kid"], False)], ids=["a secret's name", "a key pair's"]
)
def test_an_unknown_key_is_remembered_where_none_can_come(kid: object, is_remembered: bool) -> None:  # noqa: FBT001 - a table of cases
    """A token of a key that nobody can publish yet is refused at once when it comes again."""
    tokens = verifying(PublishedKeys(KeyRing(SECRET)))
    token = forge(CLAIMS, {**TWO.header, "kid": kid}, by=TWO)
    assert {outcome(tokens, token) for _ in range(2)} == {Refusal.UNKNOWN_KEY}
    assert (len(tokens._refused) == 1) is is_remembered  # noqa: SLF001 - the memory can't be seen from outside


# Confusion


@pytest.mark.parametrize("signer", [ONE, RS256])
def test_a_public_key_is_no_secret(signer: Signer) -> None:
    """Where secrets and pairs are both known, an HMAC by anything public proves nothing, whichever key it names."""
    assert signer.key is not None
    keys = PublishedKeys(KeyRing(SECRET))
    keys.replace(pairs(signer.pem).published)
    tokens = verifying(keys)
    assert outcome(tokens, forge(CLAIMS, by=signer)) is outcome(tokens, forge(CLAIMS, by=HS256)) is None
    for secret in (write_public(signer.key), write_public(signer.key, Encoding.DER), signer.kid.encode()):
        for alg, said in (("HS256", Refusal.HEADER), (signer.algorithm, Refusal.SIGNATURE)):
            assert outcome(tokens, forge(CLAIMS, {**signer.header, "alg": alg}, secret)) is said
        # Whoever makes the public key's hash a secret's name finds no such secret.
        named = {**HS256.header, "kid": kid_of(secret.decode("latin-1"))}
        assert outcome(tokens, forge(CLAIMS, named, secret)) is Refusal.UNKNOWN_KEY


def test_each_key_has_one_algorithm() -> None:
    """A header that names one key and the algorithm of another is refused, whoever signed."""
    keys = PublishedKeys(KeyRing(SECRET))
    keys.replace(pairs(ONE.pem, RS256.pem).published)
    tokens = verifying(keys)
    for named in (HS256, ONE, RS256):
        for by in (HS256, ONE, RS256):
            header = {**named.header, "alg": by.algorithm}
            said = None if by is named else Refusal.HEADER
            assert outcome(tokens, forge(CLAIMS, header, by=by)) is said
            said = None if by is named else Refusal.SIGNATURE
            assert outcome(tokens, forge(CLAIMS, named.header, by=by)) is said
            for alg in ("none", "None", "NONE", "", "HS384", "ES512", "PS256", "EdDSA"):
                assert outcome(tokens, forge(CLAIMS, {**named.header, "alg": alg}, by=by)) is Refusal.HEADER


def test_a_secret_that_is_a_key_in_pem() -> None:
    """A public key can't even be made a shared secret by mistake."""
    with pytest.raises(ValueError, match="a key in PEM"):
        KeyRing(PUBLIC_ONE.decode())


def test_a_signature_has_a_second_half() -> None:
    """The other signature that ECDSA allows for the same text is valid as well: sessions are ended by id, not by text.

    RFC 7518 does not ask for the lower of the two, and signers write either.
    """
    signed, _, _ = forge(CLAIMS, by=ONE).rpartition(".")
    signature = ONE.sign(signed.encode())
    other = signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    tokens = verifying(IssuerKeys(NONE, pairs(ONE.pem)))
    assert outcome(tokens, f"{signed}.{encode(other)}") is None


# For whom a token is


def test_audiences() -> None:
    """A token is issued for our own audience alone, or for others beside it; each takes what names it (RFC 9068)."""
    keys = IssuerKeys(NONE, pairs(ONE.pem))
    alone, shared = AccessTokens(keys, ISSUER, TTL), AccessTokens(keys, ISSUER, TTL, others=("orders", "https://pay"))
    assert read_claims(sign(alone))["aud"] == "gatepost"
    assert read_claims(sign(shared))["aud"] == ["gatepost", "orders", "https://pay"]
    assert read_claims(sign(shared))["client_id"] == "gatepost"

    orders, other = (AccessTokens(keys, ISSUER, TTL, audience=name) for name in ("orders", "order"))
    assert [outcome(by, sign(shared)) for by in (alone, shared, orders)] == [None] * 3
    assert outcome(orders, sign(alone)) is outcome(other, sign(shared)) is Refusal.CLAIMS
    assert outcome(orders, forge({**CLAIMS, "aud": ["orders"]}, by=ONE)) is None
    assert outcome(orders, forge({**CLAIMS, "aud": "gatepost orders"}, by=ONE)) is Refusal.CLAIMS


def test_a_shared_secret_signs_as_it_always_did() -> None:
    """With a shared secret a token's header and claims are those of the releases before key pairs, in their order."""
    token = sign(verifying(KeyRing(SECRET)))
    claims = read_claims(token)
    assert list(claims) == ["iss", "aud", "sub", "id", "name", "email", "sid", "jti", "iat", "exp"]
    assert claims["aud"] == "gatepost"
    assert token == forge_text(claims)


def forge_text(claims: dict[str, object]) -> str:
    """Return the token with these claims, byte for byte as jose writes it."""
    texts = [
        '{"alg":"HS256","kid":"%s","typ":"at+jwt"}' % HS256.kid,  # noqa: UP031 - braces
        "{" + ",".join(f'"{k}":{v}' if isinstance(v, int) else f'"{k}":"{v}"' for k, v in claims.items()) + "}",
    ]
    signed = ".".join(encode(text.encode()) for text in texts)
    return f"{signed}.{encode(HS256.sign(signed.encode()))}"
