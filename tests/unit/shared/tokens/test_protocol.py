"""Where the versions of NextAuth's protocol lead after a refusal, and what they understand of what they said."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.tokens.protocol import PROTOCOLS

VERSION_4, VERSION_5 = PROTOCOLS["4"], PROTOCOLS["5"]
ERRORS = ("CredentialsSignin", "TooManyAttempts", "EmailUnproven", "Unavailable", "EmailSignin", "MissingCSRF")


@pytest.mark.parametrize(
    ("error", "of_version_4", "of_version_5"),
    [
        ("CredentialsSignin", "/error?error=CredentialsSignin&provider=x", "CredentialsSignin&code=credentials"),
        ("TooManyAttempts", "/error?error=TooManyAttempts&provider=x", "CredentialsSignin&code=TooManyAttempts"),
        ("AccessDenied", "/error?error=AccessDenied&provider=x", "AccessDenied"),
        ("MissingCSRF", "/signin?csrf=true&error=MissingCSRF", "MissingCSRF"),
    ],
)
def test_places_after_a_refusal(error: str, of_version_4: str, of_version_5: str) -> None:
    """A refusal leads where next-auth leads; an error without a name in version 5 is a code."""
    assert VERSION_4.name_refusal(error, "x") == of_version_4
    assert VERSION_5.name_refusal(error, "x") == f"/signin?error={of_version_5}"


@pytest.mark.parametrize(
    ("error", "of_version_5"),
    [
        ("Callback", "/signin?error=OAuthCallbackError"),
        ("OAuthCallback", "/signin?error=OAuthCallbackError&code=OAuthCallback"),
        ("OAuthSignin", "/signin?error=OAuthCallbackError&code=OAuthSignin"),
        ("OAuthCreateAccount", "/signin?error=OAuthCallbackError&code=OAuthCreateAccount"),
        ("TooManyAttempts", "/signin?error=OAuthCallbackError&code=TooManyAttempts"),
        ("OAuthAccountNotLinked", "/signin?error=OAuthAccountNotLinked"),
        ("AccessDenied", "/error?error=AccessDenied"),
        ("MissingCSRF", "/signin?error=MissingCSRF"),
    ],
)
def test_places_after_a_failure_elsewhere(error: str, of_version_5: str) -> None:
    """A sign-in with another provider that fails leads where next-auth leads, and the place says which error it was."""
    assert VERSION_4.name_failure(error) == f"/error?error={error}"
    assert VERSION_5.name_failure(error) == of_version_5
    for protocol in (VERSION_4, VERSION_5):
        assert protocol.read_error(dict(parse_qsl(urlsplit(protocol.name_failure(error)).query))) == error


def test_places_after_a_forgery() -> None:
    """A form without a verified csrf token leads back to its page, in version 5 always to the sign-in page."""
    assert VERSION_4.name_forgery("signout") == "/signout?csrf=true"
    assert VERSION_5.name_forgery("signout") == "/signin?error=MissingCSRF"


@pytest.mark.parametrize("error", ERRORS)
def test_a_place_says_which_error(error: str) -> None:
    """What a place says is understood as the same error, in either version."""
    for protocol in (VERSION_4, VERSION_5):
        assert protocol.read_error(dict(parse_qsl(urlsplit(protocol.name_refusal(error, "x")).query))) == error


def test_a_place_without_an_error() -> None:
    """A query without an error has none, and a code alone is none."""
    assert [each.read_error({"code": "x"}) for each in (VERSION_4, VERSION_5)] == [None, None]
    assert VERSION_5.read_error({"error": "CredentialsSignin"}) == "CredentialsSignin"


def test_json_mode() -> None:
    """Version 4 asks for JSON by a field, version 5 by a header; neither by the other's means."""
    field, header = {"json": "true"}, {"X-Auth-Return-Redirect": "1"}
    assert [VERSION_4.is_json_mode(header, field), VERSION_4.is_json_mode(header, {})] == [True, False]
    assert [VERSION_5.is_json_mode(header, {}), VERSION_5.is_json_mode({}, field)] == [True, False]
