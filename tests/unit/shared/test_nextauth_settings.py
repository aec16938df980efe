"""By which names the secrets of NextAuth's cookie are read, in either version of its protocol."""

from pathlib import Path

import pytest

from shared.nextauth_settings import NextAuthSettings
from shared.settings import SAMPLE_SECRETS, SettingsInvalid, load_settings, reveal
from shared.tokens.protocol import PROTOCOLS
from stack.services import SETTING_NAMES

OURS, THEIRS = "a-key-of-our-own-0123456789abcdefgh-01", "a-key-of-theirs-0123456789abcdefgh-02"
FIRST, SECOND = "an-older-key-0123456789abcdefghijklm-1", "an-older-key-0123456789abcdefghijklm-2"
SAMPLE = SAMPLE_SECRETS["NEXTAUTH_SECRET"]


def load(environment: pytest.MonkeyPatch, **given: str) -> NextAuthSettings:
    """Return the settings of an environment with nothing else of ours."""
    for name in SETTING_NAMES:
        environment.delenv(name, raising=False)
    for name, value in {"NEXTAUTH_URL": "https://example.com", "PORT": "1", "METRICS_PORT": "2", **given}.items():
        environment.setenv(name, value)
    return load_settings(NextAuthSettings)


def secrets_of(settings: NextAuthSettings) -> tuple[str, ...]:
    """Return the secret that seals, and after it those that only open."""
    return settings.nextauth_secret.get_secret_value(), *reveal(settings.nextauth_secret_previous)


def test_version_4_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting version 4 is spoken."""
    assert load(monkeypatch, NEXTAUTH_SECRET=OURS).protocol is PROTOCOLS["4"]
    assert load(monkeypatch, NEXTAUTH_SECRET=OURS, NEXTAUTH_PROTOCOL="5").protocol is PROTOCOLS["5"]


@pytest.mark.parametrize("version", ["3", "04", "v5", "authjs"])
def test_there_is_no_other_version(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Any other version is refused by the setting's name."""
    with pytest.raises(SettingsInvalid, match=r"NEXTAUTH_PROTOCOL: .*'4' or '5'"):
        load(monkeypatch, NEXTAUTH_SECRET=OURS, NEXTAUTH_PROTOCOL=version)


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ({"NEXTAUTH_SECRET": OURS}, [OURS]),
        ({"AUTH_SECRET": THEIRS}, [THEIRS]),
        ({"AUTH_SECRET": OURS, "NEXTAUTH_SECRET": OURS}, [OURS]),
        ({"AUTH_SECRET": THEIRS, "NEXTAUTH_SECRET": SAMPLE}, [THEIRS]),
        ({"AUTH_SECRET": THEIRS, "NEXTAUTH_SECRET": ""}, [THEIRS]),
        ({"AUTH_SECRET": THEIRS, "AUTH_SECRET_1": FIRST, "AUTH_SECRET_3": SECOND}, [THEIRS, FIRST, SECOND]),
        ({"NEXTAUTH_SECRET": OURS, "AUTH_SECRET_2": FIRST}, [OURS, FIRST]),
        (
            {"AUTH_SECRET": THEIRS, "NEXTAUTH_SECRET_PREVIOUS": f"{FIRST},{SECOND}", "AUTH_SECRET_1": OURS},
            [THEIRS, FIRST, SECOND, OURS],
        ),
    ],
)
def test_their_names_with_version_5(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], secrets: list[str]) -> None:
    """AUTH_SECRET is another name of NEXTAUTH_SECRET, which a sample is no rival of; the numbered ones only open."""
    settings = load(monkeypatch, NEXTAUTH_PROTOCOL="5", **given)
    assert sorted(secrets_of(settings)) == sorted(secrets)
    assert secrets_of(settings)[0] == secrets[0]


def test_their_names_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret by their name may come as a file, like any other."""
    (tmp_path / "secret").write_text(THEIRS)
    settings = load(monkeypatch, NEXTAUTH_PROTOCOL="5", AUTH_SECRET_FILE=str(tmp_path / "secret"))
    assert secrets_of(settings) == (THEIRS,)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({}, "NEXTAUTH_SECRET: is missing"),
        ({"AUTH_SECRET_1": FIRST}, "NEXTAUTH_SECRET: is missing"),
        ({"AUTH_SECRET": THEIRS, "NEXTAUTH_SECRET": OURS}, "AUTH_SECRET and NEXTAUTH_SECRET are both set and differ"),
        ({"AUTH_SECRET": "short"}, "NEXTAUTH_SECRET: must be at least 32 bytes"),
        ({"AUTH_SECRET": THEIRS, "AUTH_SECRET_1": SAMPLE}, "is a published sample"),
        ({"AUTH_SECRET": THEIRS, "AUTH_SECRET_4": FIRST}, "unknown setting AUTH_SECRET_4"),
    ],
)
def test_what_is_refused_with_version_5(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], refusal: str) -> None:
    """No secret, two that differ, one that is too short or published: nothing starts; the line shows no secret."""
    with pytest.raises(SettingsInvalid, match=refusal) as refused:
        load(monkeypatch, NEXTAUTH_PROTOCOL="5", **given)
    assert not [secret for secret in given.values() if secret in str(refused.value)]


def test_their_names_mean_nothing_with_version_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """With version 4 their names change nothing; where they are all there is, the refusal says so."""
    settings = load(monkeypatch, NEXTAUTH_SECRET=OURS, AUTH_SECRET=THEIRS, AUTH_SECRET_1=FIRST)
    assert secrets_of(settings) == (OURS,)
    with pytest.raises(SettingsInvalid, match="AUTH_SECRET counts with NEXTAUTH_PROTOCOL=5 alone"):
        load(monkeypatch, AUTH_SECRET=THEIRS)


@pytest.mark.parametrize(
    ("url", "domain", "sites"),
    [
        ("https://id.example.com", "example.com", ("https://id.example.com", "https://app.example.com")),
        ("https://example.com", ".Example.com", ("https://example.com", "https://app.example.com")),
        ("https://id.example.com", "id.example.com", ("https://id.example.com",)),
        ("https://id.example.com", "", ("https://id.example.com",)),
    ],
)
def test_a_domain_above_the_public_host_is_taken(
    monkeypatch: pytest.MonkeyPatch, url: str, domain: str, sites: tuple[str, ...]
) -> None:
    """The sites are the public one and the served hosts of the domain."""
    given = {"NEXTAUTH_URL": url, "COOKIE_DOMAIN": domain, "GATEWAY_HOSTS": "app.example.com, gateway:3000"}
    assert load(monkeypatch, NEXTAUTH_SECRET=OURS, **given).sites.origins == sites


@pytest.mark.parametrize("domain", ["example.org", "app.id.example.com", "ample.com", "com", "localhost", "1.1"])
def test_any_other_domain_stops_the_start(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    """A domain that is not above the public host would sign nobody in; one of a single label is nobody's."""
    given = {"NEXTAUTH_URL": "https://id.example.com", "COOKIE_DOMAIN": domain}
    with pytest.raises(SettingsInvalid, match="COOKIE_DOMAIN"):
        load(monkeypatch, NEXTAUTH_SECRET=OURS, **given)
