"""The secrets of calls between services, as settings: what must be there, and what is refused."""

import pytest

from auth_service.settings import AuthSettings
from gateway.settings import GatewaySettings
from posts_service.settings import PostsSettings
from shared.settings import SAMPLE_SECRETS, Settings, SettingsInvalid, load_settings
from shared.tokens.service_settings import list_callers, name_secret
from stack.services import SERVICES, SETTING_NAMES

KEYS = {name: f"a-key-of-our-own-0123456789abcdefgh-{name}" for name in ("SECRET_KEY", "NEXTAUTH_SECRET")}
LEAST = {
    **KEYS,
    "NEXTAUTH_URL": "https://example.com",
    "PORT": "8001",
    "METRICS_PORT": "8101",
    "AUTH_SERVICE_URL": "http://auth",
    "AUTH_DATABASE_URL": "postgresql://auth",
    "POSTS_DATABASE_URL": "postgresql://posts",
}
OWN = {
    name: f"a-key-of-its-own-0123456789abcdefgh-{name}" for name in ("GATEWAY_SERVICE_SECRET", "POSTS_SERVICE_SECRET")
}
SHARED = "a-key-of-all-services-0123456789abcdefgh"
TYPES = [service.settings for service in SERVICES]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an environment with all that services need beside the secrets of their calls."""
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in LEAST.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal(settings: type[Settings]) -> str:
    """Return the line with which the environment is refused; it never shows a secret."""
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(settings)
    line = str(refused.value)
    assert "-0123456789" not in line
    return line


@pytest.mark.parametrize("settings", TYPES)
@pytest.mark.parametrize("given", [OWN, {"SERVICE_SECRET": SHARED}])
def test_either_is_enough(environment: pytest.MonkeyPatch, settings: type[Settings], given: dict[str, str]) -> None:
    """Production starts with a secret for each caller, or with one for all."""
    for name, value in given.items():
        environment.setenv(name, value)
    assert load_settings(settings).environment == "production"


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (GatewaySettings, "GATEWAY_SERVICE_SECRET"),
        (PostsSettings, "POSTS_SERVICE_SECRET"),
        (AuthSettings, "GATEWAY_SERVICE_SECRET"),
        (AuthSettings, "POSTS_SERVICE_SECRET"),
    ],
)
def test_a_missing_one_is_named(environment: pytest.MonkeyPatch, settings: type[Settings], missing: str) -> None:
    """In production a service does not start without the secret of a caller that it knows, and names it."""
    for name in OWN.keys() - {missing}:
        environment.setenv(name, OWN[name])
    assert refusal(settings) == f"{missing}: is missing, and so is SERVICE_SECRET, which would stand in for it"


@pytest.mark.parametrize("settings", TYPES)
def test_development_needs_none(environment: pytest.MonkeyPatch, settings: type[Settings]) -> None:
    """In development the published sample stands in for all; production refuses it."""
    environment.setenv("ENVIRONMENT", "development")
    assert load_settings(settings).environment == "development"
    environment.setenv("ENVIRONMENT", "production")
    environment.setenv("SERVICE_SECRET", SAMPLE_SECRETS["SERVICE_SECRET"])
    assert refusal(settings) == "SERVICE_SECRET: is a published sample; make your own for production"


@pytest.mark.parametrize("form", ["", "_PREVIOUS"])
@pytest.mark.parametrize("name", OWN)
def test_weak_ones_are_refused(environment: pytest.MonkeyPatch, name: str, form: str) -> None:
    """Production refuses one that is short, published, or equal to another secret, previous ones too."""
    for each, value in OWN.items():
        environment.setenv(each, value)
    refused = {
        "too-short": "must be at least 32 bytes in production",
        SAMPLE_SECRETS["SECRET_KEY"]: "is a published sample; make your own for production",
        KEYS["SECRET_KEY"]: "in production they must all be different",
    }
    for value, said in refused.items():
        environment.setenv(name + form, value)
        line = refusal(AuthSettings)
        assert line.endswith(said)
        assert name + form in line


@pytest.mark.parametrize("form", ["", "_PREVIOUS"])
def test_two_callers_never_have_one(environment: pytest.MonkeyPatch, form: str) -> None:
    """Not even development starts with two callers that could not be told from one another."""
    environment.setenv("ENVIRONMENT", "development")
    environment.setenv("GATEWAY_SERVICE_SECRET", "one")
    environment.setenv(f"POSTS_SERVICE_SECRET{form}", "one")
    expected = "GATEWAY_SERVICE_SECRET, POSTS_SERVICE_SECRET must differ, for they tell the auth service who calls"
    assert refusal(AuthSettings) == expected


def test_names_of_secrets() -> None:
    """A caller's setting is called after it, with ``SERVICE`` in it once; and back."""
    assert name_secret("gateway") == "GATEWAY_SERVICE_SECRET"
    assert name_secret("posts_service") == "POSTS_SERVICE_SECRET"
    assert list_callers(AuthSettings) == ("gateway", "posts_service")
    assert list_callers(Settings) == ()


def test_what_a_service_uses_besides(environment: pytest.MonkeyPatch) -> None:
    """A service's own keys come from its own secret, or from the shared one; what either made before stays valid."""
    environment.setenv("SERVICE_SECRET", SHARED)
    environment.setenv("POSTS_SERVICE_SECRET_PREVIOUS", OWN["POSTS_SERVICE_SECRET"])
    assert load_settings(PostsSettings).list_secrets("posts_service") == (SHARED, OWN["POSTS_SERVICE_SECRET"])
    environment.delenv("SERVICE_SECRET")
    environment.delenv("POSTS_SERVICE_SECRET_PREVIOUS")
    environment.setenv("POSTS_SERVICE_SECRET", OWN["POSTS_SERVICE_SECRET"])
    environment.setenv("SERVICE_SECRET_PREVIOUS", SHARED)
    assert load_settings(PostsSettings).list_secrets("posts_service") == (OWN["POSTS_SERVICE_SECRET"], SHARED)
