"""The csrf token, as next-auth makes it."""

from hypothesis import given
from hypothesis import strategies as st

from auth_service.browser.csrf import CsrfTokens

SECRET = "test-secret-0123456789abcdef0123456789abcdef"
TOKENS = CsrfTokens(SECRET)


def test_the_cookie_is_next_auths_own() -> None:
    """The cookie is the token and the SHA-256 of token and secret, as next-auth 4.24 computes it."""
    expected = "f8d8f1376581c13486e50896dfeba565ec70d15e63dfa05dca97ccc6355907f3"
    assert TOKENS.seal("a" * 64) == f"{'a' * 64}|{expected}"


def test_a_token_is_verified_with_its_own_cookie_only() -> None:
    """A form is verified if it carries the token in the cookie, but not with another token or none."""
    token, other = TOKENS.make(), TOKENS.make()
    assert token != other
    assert TOKENS.is_verified(TOKENS.seal(token), token)
    assert not TOKENS.is_verified(TOKENS.seal(token), other)
    assert not TOKENS.is_verified(None, token)
    assert not TOKENS.is_verified(CsrfTokens("another secret").seal(token), token)


def test_a_cookie_outlives_a_change_of_the_secret() -> None:
    """A cookie made with the previous secret is verified while that is still listed; new ones use the new secret."""
    changed = CsrfTokens("another secret", [SECRET])
    token = TOKENS.make()
    assert changed.is_verified(TOKENS.seal(token), token)
    assert CsrfTokens("another secret").is_verified(changed.seal(token), token)


@given(st.text(), st.text())
def test_nothing_made_up_is_verified(cookie: str, submitted: str) -> None:
    """Whatever a client makes up, in the cookie and in the form, is not verified and breaks nothing."""
    assert not TOKENS.is_verified(cookie, submitted)
    assert not TOKENS.is_verified(f"{'a' * 64}|{cookie}", "a" * 64)
    assert not TOKENS.is_verified(TOKENS.seal("a" * 64), submitted)
