"""Whose tokens a service takes that only verifies: those of its secret, of published keys, or both."""

import pytest

from shared.settings import SettingsInvalid, load_settings
from shared.verifier_settings import VerifierSettings
from stack.services import SETTING_NAMES

KEY = "a-key-of-our-own-0123456789abcdefgh-01"


def load(environment: pytest.MonkeyPatch, **given: str) -> VerifierSettings:
    """Return the settings of an environment with nothing else of ours."""
    for name in SETTING_NAMES:
        environment.delenv(name, raising=False)
    for name, value in {"NEXTAUTH_URL": "https://example.com", "PORT": "1", "METRICS_PORT": "2", **given}.items():
        environment.setenv(name, value)
    return load_settings(VerifierSettings)


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({}, True),
        ({"SECRET_KEY": ""}, True),
        ({"SECRET_KEY": "", "PUBLISHED_KEYS": ""}, True),
        ({"SECRET_KEY_PREVIOUS": KEY}, True),
        ({"PUBLISHED_KEYS": "on"}, True),
        ({"SECRET_KEY": KEY}, False),
        ({"SECRET_KEY": KEY, "PUBLISHED_KEYS": "off"}, False),
        ({"SECRET_KEY": KEY, "PUBLISHED_KEYS": "on"}, True),
    ],
)
def test_when_published_keys_count(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], *, follows: bool) -> None:
    """Published keys are accepted without a secret of its own, or where that is said."""
    settings = load(monkeypatch, **given)
    assert settings.follows_keys is follows
    assert settings.shared_key == (given.get("SECRET_KEY") or None)


@pytest.mark.parametrize("given", [{}, {"SECRET_KEY_PREVIOUS": KEY}])
def test_without_any_key_nothing_starts(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    """A service that could verify nobody's token does not start."""
    with pytest.raises(
        SettingsInvalid, match=r"^PUBLISHED_KEYS=off needs SECRET_KEY: nobody's token could be verified$"
    ):
        load(monkeypatch, **given, PUBLISHED_KEYS="off")


def test_a_word_that_is_neither_on_nor_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but on and off is refused by name."""
    with pytest.raises(SettingsInvalid, match=r"^PUBLISHED_KEYS: "):
        load(monkeypatch, PUBLISHED_KEYS="perhaps")
