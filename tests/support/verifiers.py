"""The code under test with the keys of a signer: what signs and verifies as the auth service does, and its settings."""

import functools

from shared.tokens.key_pairs import IssuerKeys, read_key_pairs
from shared.tokens.keys import KeyRing, Keys, PublicKey
from shared.tokens.signed import AccessTokens
from tests.support.forged_tokens import ISSUER, TTL
from tests.support.signers import SECRET, USUAL, Signer


def keys_of(signer: Signer) -> Keys:
    """Return the keys with which the auth service signs as this signer."""
    return KeyRing(SECRET) if signer.key is None else IssuerKeys(KeyRing(None), read_key_pairs(signer.pem))


def published_of(signer: Signer) -> tuple[PublicKey, ...]:
    """Return what the auth service publishes when it signs as this signer."""
    return () if signer.key is None else read_key_pairs(signer.pem).published


def make_tokens() -> AccessTokens:
    """Return what signs and verifies by the usual signer's keys, and remembers nothing yet."""
    return AccessTokens(keys_of(USUAL.signer), ISSUER, TTL)


def tokens() -> AccessTokens:
    """Return what signs and verifies by the usual signer's keys."""
    return _tokens_of(USUAL.signer)


@functools.cache
def _tokens_of(signer: Signer) -> AccessTokens:
    return AccessTokens(keys_of(signer), ISSUER, TTL)
