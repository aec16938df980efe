"""The keys of calls between services: whose key a token was signed with, and how one key takes another's place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.claims import CallerUnknown
from shared.tokens.service_keys import Secrets, build_caller_keys, derive_secret
from shared.tokens.signed import KeyRing, Refusal, ServiceTokens, TokenRefused, key_id
from tests.support.forged_tokens import forge

NOW = 1_800_000_000
SHARED = Secrets("the-secret-of-all-services-0123456789")
OF_GATEWAY = Secrets("the-secret-of-the-gateway-0123456789")
OF_POSTS = Secrets("the-secret-of-the-posts-service-0123456789")
ALL = ServiceTokens(
    {
        "gateway": build_caller_keys("gateway", OF_GATEWAY, Secrets()),
        "posts_service": build_caller_keys("posts_service", OF_POSTS, Secrets()),
    }
)


def sign(caller: str, own: Secrets, shared: Secrets = Secrets()) -> str:  # noqa: B008 - it is immutable
    """Return a token of a caller with these secrets."""
    tokens = ServiceTokens({caller: build_caller_keys(caller, own, shared)})
    return tokens.sign(caller=caller, callee="auth_service", now=NOW)


def verify(token: str, by: ServiceTokens = ALL) -> str:
    """Return who is calling."""
    return by.verify(token, callee="auth_service", now=NOW)


def fault_of(token: str, by: ServiceTokens = ALL) -> Refusal:
    """Return the fault for which a token is refused."""
    with pytest.raises(TokenRefused) as refused:
        verify(token, by)
    return refused.value.refusal


def test_the_key_says_who_calls() -> None:
    """Each caller is known by its own key."""
    assert verify(sign("gateway", OF_GATEWAY)) == "gateway"
    assert verify(sign("posts_service", OF_POSTS)) == "posts_service"


@pytest.mark.parametrize("claimed", ["gateway", "auth_service", "comments_service", ""])
def test_nobody_can_call_in_the_name_of_another(claimed: str) -> None:
    """A token that names another than the owner of its key is refused, whatever name that is."""
    assert fault_of(sign(claimed, OF_POSTS)) is Refusal.CLAIMS


@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_both_claims_agree_with_the_key(claim: str) -> None:
    """Who issued a token, and whom it is about, are both the owner of its key."""
    secret = str(OF_POSTS.current)
    claims = {
        "iss": "posts_service",
        "sub": "posts_service",
        "aud": "auth_service",
        "jti": "1",
        "iat": NOW,
        "exp": NOW + 9,
    }
    header = {"alg": "HS256", "typ": "svc+jwt", "kid": key_id(secret)}
    assert verify(forge(claims, header, secret)) == "posts_service"
    assert fault_of(forge({**claims, claim: "gateway"}, header, secret)) is Refusal.CLAIMS


def test_a_key_of_nobody_is_refused() -> None:
    """A token by the shared secret, or by what is derived from it, is refused where each caller has its own."""
    for own, shared in ((Secrets(), SHARED), (SHARED, Secrets())):
        assert fault_of(sign("gateway", own, shared)) is Refusal.UNKNOWN_KEY
    assert fault_of("x.y.z") is Refusal.MALFORMED


def test_a_shared_secret_does_not_count_beside_an_own_one() -> None:
    """A caller with a secret of its own is known by that alone, though others still share one."""
    tokens = ServiceTokens(
        {
            "gateway": build_caller_keys("gateway", OF_GATEWAY, SHARED),
            "posts_service": build_caller_keys("posts_service", Secrets(), SHARED),
        }
    )
    assert verify(sign("gateway", OF_GATEWAY), tokens) == "gateway"
    assert verify(sign("posts_service", Secrets(), SHARED), tokens) == "posts_service"
    assert fault_of(sign("gateway", Secrets(), SHARED), tokens) is Refusal.UNKNOWN_KEY
    with pytest.raises(TokenRefused):
        verify(sign("gateway", SHARED), tokens)


def test_who_still_calls_as_the_release_before_is_understood() -> None:
    """A token by the shared secret itself is good where that is in use, or was before."""
    former = ServiceTokens({"gateway": KeyRing(str(SHARED.current))})
    token = former.sign(caller="gateway", callee="auth_service", now=NOW)
    for own, shared in ((Secrets(), SHARED), (OF_GATEWAY, Secrets(None, (str(SHARED.current),)))):
        known = {"posts_service": OF_POSTS, "gateway": own}
        tokens = ServiceTokens({caller: build_caller_keys(caller, each, shared) for caller, each in known.items()})
        assert verify(token, tokens) == "gateway"


@pytest.mark.parametrize("own", [Secrets(), OF_GATEWAY])
def test_a_stranger_is_told_from_a_forger(own: Secrets) -> None:
    """By the secret of all a service that is not known is told by its name, and refused like everybody else."""
    ring = KeyRing(SHARED.current, SHARED.previous)
    known = ServiceTokens({"gateway": build_caller_keys("gateway", own, SHARED)}, ring)
    assert name_stranger(sign("comments_service", SHARED), known) == "comments_service"
    assert name_stranger(sign("comments_service", OF_POSTS), known) is None
    if own.current is not None:
        assert name_stranger(sign("gateway", SHARED), known) is None
        assert name_stranger(sign("comments_service", own), known) == "comments_service"


def name_stranger(token: str, by: ServiceTokens) -> str | None:
    """Return whose name a refused token is in, if it is told."""
    with pytest.raises(TokenRefused) as refused:
        verify(token, by)
    return refused.value.caller if isinstance(refused.value, CallerUnknown) else None


def test_a_caller_without_any_secret_has_no_keys() -> None:
    """Previous secrets alone sign nothing."""
    with pytest.raises(ValueError, match="posts_service has no key"):
        build_caller_keys("posts_service", Secrets(None, ("a",)), Secrets(None, ("b",)))


@given(st.text(min_size=1, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_derived_secrets_differ(secret: str, one: str, other: str) -> None:
    """Each caller's derived secret is its own, is none that was given, and is as long as a key should be."""
    derived = derive_secret(one, secret)
    assert (derived == derive_secret(other, secret)) is (one == other)
    assert derived != secret
    assert len(derived) >= 32
