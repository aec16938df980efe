"""What a provider publishes about itself: it speaks for its issuer, and leads nowhere else."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.providers.file import Provider
from auth_service.providers.http import ProviderFailed
from auth_service.providers.metadata import Metadata, read_metadata

ISSUER = "https://login.example.com/realms/a"
PROVIDER = Provider(
    "any", "Any", ISSUER, "us", "secret", origins=("https://login.example.com", "https://keys.example.com")
)
GOOD: Mapping[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example.com/auth?tenant=1",
    "token_endpoint": "https://login.example.com/token",
    "jwks_uri": "https://keys.example.com/jwks",
    "response_types_supported": ["code", "id_token"],
    "id_token_signing_alg_values_supported": ["HS256", "none", "RS256", "ES256", "RS512"],
}


def test_good_metadata() -> None:
    """Its endpoints arrive, and of the algorithms those on our list; what it does not say is as the standards say."""
    assert read_metadata(GOOD, PROVIDER) == Metadata(
        "https://login.example.com/auth?tenant=1",
        "https://login.example.com/token",
        "https://keys.example.com/jwks",
        None,
        ("RS256", "ES256"),
        names_itself=False,
        takes_basic=True,
    )
    more = {
        "userinfo_endpoint": "https://login.example.com/me",
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    found = read_metadata({**GOOD, **more}, PROVIDER)
    assert (found.userinfo, found.names_itself, found.takes_basic) == ("https://login.example.com/me", True, False)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": "https://login.example.com"}, "metadata_of_another_issuer"),
        ({"issuer": ISSUER + "/"}, "metadata_of_another_issuer"),
        ({"issuer": [ISSUER]}, "metadata_of_another_issuer"),
        ({"issuer": None}, "metadata_of_another_issuer"),
        ({"authorization_endpoint": "https://evil.example/auth"}, "metadata_leads_elsewhere"),
        ({"authorization_endpoint": "http://login.example.com/auth"}, "metadata_leads_elsewhere"),
        ({"authorization_endpoint": "https://login.example.com@evil.example/"}, "metadata_leads_elsewhere"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "metadata_leads_elsewhere"),
        ({"authorization_endpoint": "https://login.example.com/\r\nx"}, "metadata_without_authorization_endpoint"),
        ({"authorization_endpoint": "https://login.example.com/#x"}, "metadata_without_authorization_endpoint"),
        ({"token_endpoint": "https://evil.example/token"}, "metadata_leads_elsewhere"),
        ({"token_endpoint": "http://169.254.169.254/latest"}, "metadata_leads_elsewhere"),
        ({"token_endpoint": None}, "metadata_without_token_endpoint"),
        ({"jwks_uri": "https://evil.example/jwks"}, "metadata_leads_elsewhere"),
        ({"jwks_uri": 7}, "metadata_without_jwks_uri"),
        ({"userinfo_endpoint": "file:///etc/passwd"}, "metadata_leads_elsewhere"),
        ({"response_types_supported": ["id_token"]}, "metadata_without_code"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "metadata_without_algorithm"),
        ({"id_token_signing_alg_values_supported": []}, "metadata_without_algorithm"),
    ],
)
def test_metadata_that_is_not_right(changed: Mapping[str, object], reason: str) -> None:
    """What speaks for another issuer, or would lead us or a browser elsewhere, is refused."""
    with pytest.raises(ProviderFailed) as refused:
        read_metadata({**GOOD, **changed}, PROVIDER)
    assert refused.value.reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from(list(map(str, GOOD.values()))),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=6,
)


@given(
    document=JSON
    | st.dictionaries(st.sampled_from([*GOOD, "userinfo_endpoint"]), JSON).map(lambda each: {**GOOD, **each})
)
def test_any_document(document: object) -> None:
    """Any document is refused, or leads to the provider's origins alone."""
    try:
        found = read_metadata(document, PROVIDER)
    except ProviderFailed:
        return
    for url in (found.authorization, found.token, found.keys, found.userinfo):
        assert url is None or url.startswith(("https://login.example.com", "https://keys.example.com"))
    assert set(found.algorithms) <= {"RS256", "ES256", "PS256", "EdDSA", "Ed25519"}
