"""Settings: how they are read, and that a bad one stops the start with one line that names it and hides its value."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from auth_service.settings import AuthSettings
from shared.settings import (
    SAMPLE_SECRETS,
    PreviousSecrets,
    Secret,
    Settings,
    SettingsInvalid,
    list_names,
    load_settings,
    reveal,
)
from stack.services import SERVICES, SETTING_NAMES, Service
from tests.support.signers import make_ec_key, write_private, write_public

KEY = "a-key-of-our-own-0123456789abcdefgh-01"
OTHER_KEY = "a-key-of-our-own-0123456789abcdefgh-02"
PUBLIC_URL = "https://example.com"
SECRETS = {"SECRET_KEY": KEY, "NEXTAUTH_SECRET": OTHER_KEY}
LEAST = {**SECRETS, "NEXTAUTH_URL": PUBLIC_URL, "PORT": "8001", "METRICS_PORT": "8101"}


class ServiceSettings(Settings):
    """Settings of some service: the common ones, and some of its own."""

    nextauth_secret: Secret
    nextauth_secret_previous: PreviousSecrets = ()
    service_secret_previous: PreviousSecrets = ()
    ports: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an environment with the minimum of settings and nothing else of ours."""
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in LEAST.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def load(environment: pytest.MonkeyPatch, **changes: str | None) -> ServiceSettings:
    """Return the settings of an environment with changes; None removes one."""
    for name, value in changes.items():
        environment.setenv(name, value) if value is not None else environment.delenv(name)
    return load_settings(ServiceSettings)


def refusal(environment: pytest.MonkeyPatch, **changes: str | None) -> str:
    """Return the line with which an environment is refused; it never shows a value of a secret."""
    with pytest.raises(SettingsInvalid) as refused:
        load(environment, **changes)
    line = str(refused.value)
    secrets = [value for name, value in {**LEAST, **changes}.items() if "SECRET" in name and value and "/" not in value]
    assert not any(secret in line for secret in secrets if len(secret) > 3)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("service", [each for each in SERVICES if each.database], ids=lambda service: service.name)
def test_deletions_are_remembered_for_longer_than_backups_are_kept(
    environment: pytest.MonkeyPatch, service: Service
) -> None:
    """A deletion that is forgotten before the backups of a month is undone by the restore of one: refused."""
    for days, is_refused in (("34", True), ("35", False)):
        environment.setenv("DELETION_RETENTION_DAYS", days)
        with pytest.raises(SettingsInvalid) as refused:  # for other settings that are missing here
            load_settings(service.settings)
        assert ("DELETION_RETENTION_DAYS: " in str(refused.value)) is is_refused


def test_least_of_settings(environment: pytest.MonkeyPatch) -> None:
    """The defaults are production, on this machine alone, with the tutorial's hour."""
    settings = load(environment)

    assert (settings.environment, settings.nextauth_url) == ("production", PUBLIC_URL)
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8001, 8101)
    assert (settings.access_token_ttl, settings.secret_key_previous) == (3600, ())
    assert settings.shared_key == KEY
    assert KEY not in repr(settings)


@pytest.mark.parametrize("name", sorted(LEAST.keys() - {"SECRET_KEY", "NEXTAUTH_URL"}))
@pytest.mark.parametrize("value", [None, ""])
def test_missing_setting(environment: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    """A required setting that is missing or empty is named."""
    assert refusal(environment, **{name: value}) == f"{name}: is missing"


def test_empty_setting_is_none(environment: pytest.MonkeyPatch) -> None:
    """An empty variable counts as not set."""
    settings = load(environment, ENVIRONMENT="development", NEXTAUTH_URL="", SECRET_KEY_PREVIOUS="")
    assert settings.nextauth_url == "http://localhost:3000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ENVIRONMENT", "staging"), ("LOG_LEVEL", "LOUD"), ("LOG_FORMAT", "xml"), ("METRICS_PORT", "-1")),
        *(("PORT", "0"), ("PORT", "65536"), ("PORT", "http"), ("SECRET_KEY", f"{KEY},{OTHER_KEY}")),
        *(("ACCESS_TOKEN_TTL", "59"), ("ACCESS_TOKEN_TTL", "86401"), ("ACCESS_TOKEN_TTL", "an hour")),
        ("NEXTAUTH_URL", "localhost:3000"),
    ],
)
def test_bad_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A bad value is refused with one line that begins with its name."""
    assert refusal(environment, **{name: value}).startswith(f"{name}: ")


def test_all_bad_values_are_named(environment: pytest.MonkeyPatch) -> None:
    """Several bad settings are named together, so that one try shows them all."""
    line = refusal(environment, PORT="x", LOG_LEVEL="x", NEXTAUTH_SECRET=None)
    assert all(name in line for name in ("PORT", "LOG_LEVEL", "NEXTAUTH_SECRET"))


def test_table_that_can_not_be_read(environment: pytest.MonkeyPatch) -> None:
    """A setting of a complex type that is not JSON is named as well, without a traceback."""
    assert "ports" in refusal(environment, PORTS="{")


@pytest.mark.parametrize(
    "name",
    [
        *("SECRET_KEY_PREVIUOS", "SECRET_KEY_OLD", "NEXTAUTH_SECRETS", "ACCESS_TOKEN_TTLL", "ACCESS_TOKEN_LIFETIME"),
        *("ACCESS_TOKEN", "DRAIN_TIME", "NEXTAUTH_KEY", "GATEPOST_PORT", "secret_key"),
    ],
)
def test_unknown_name(environment: pytest.MonkeyPatch, name: str) -> None:
    """An unknown variable that looks like a setting stops the start: a typo must not switch off a check."""
    assert refusal(environment, **{name: "x"}).startswith(f"unknown setting {name}")


@pytest.mark.parametrize("name", ["SESSION_MAX", "SIGN_IN_FAILURES_PER_IP", "AUDIT_DAYS", "RENAMES_PER_DAY"])
def test_unknown_name_of_one_service(environment: pytest.MonkeyPatch, name: str) -> None:
    """So does one that looks like a setting that a single service has, in that service."""
    environment.setenv(name, "x")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(AuthSettings)
    assert str(refused.value).startswith(f"unknown setting {name}; ")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_setting_is_a_slip_of_another(environment: pytest.MonkeyPatch, service: Service) -> None:
    """Whatever the other services read is nothing that a service takes for a slip of a setting of its own."""
    names = list_names(service.settings)
    for name in SETTING_NAMES - names:
        environment.setenv(name, "anything")
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(service.settings)
    assert "unknown setting" not in str(raised.value)


def test_settings_of_other_services_are_ignored(environment: pytest.MonkeyPatch) -> None:
    """One environment serves all services: the settings of the others are ignored."""
    everything = dict.fromkeys(("AUTH_DATABASE_URL", "GATEWAY_RULES", "SESSION_MAX_AGE", "GATEWAY_PORT"), "anything")
    assert load(environment, **everything).port == 8001


# Public URL


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        *(("http://localhost:3000", "http://localhost:3000"), ("https://Example.COM/", "https://example.com")),
        *(("https://example.com:443", "https://example.com"), ("http://127.0.0.1:80/", "http://127.0.0.1")),
        *(("https://example.com:80", "https://example.com:80"), ("http://[::1]:3000", "http://[::1]:3000")),
    ],
)
def test_public_url(environment: pytest.MonkeyPatch, value: str, origin: str) -> None:
    """The public URL is an origin, spelled as browsers spell it (RFC 6454, section 6.1)."""
    assert load(environment, NEXTAUTH_URL=value).nextauth_url == origin


@pytest.mark.parametrize(
    "value",
    [
        *("example.com", "//example.com", "ftp://example.com", "http://", "https://:443", "http://localhost:"),
        *("https://example.com/path", "https://example.com?", "https://example.com/#x", "https://a@example.com"),
        *(
            "https://exa mple.com",
            "https://exämple.com",
            "http://localhost:port",
            "http://[::1",
            "http://a\nb",
            "http:/a",
        ),
    ],
)
def test_no_public_url(environment: pytest.MonkeyPatch, value: str) -> None:
    """A URL that is not a plain origin is refused."""
    line = refusal(environment, NEXTAUTH_URL=value)
    assert line == "NEXTAUTH_URL: must be an http or https URL without a path, such as https://example.com"


@pytest.mark.parametrize("value", [None, ""])
def test_forgotten_public_url(environment: pytest.MonkeyPatch, value: str | None) -> None:
    """Production needs the public URL: with that of a developer's machine, every request would be answered with 400."""
    line = refusal(environment, NEXTAUTH_URL=value)
    assert line == "NEXTAUTH_URL: is missing; production needs the URL that browsers open, such as https://example.com"


def test_public_url_of_development(environment: pytest.MonkeyPatch) -> None:
    """In development it is this machine's, unless it is set."""
    environment.setenv("ENVIRONMENT", "development")
    assert load(environment, NEXTAUTH_URL=None).nextauth_url == "http://localhost:3000"
    assert load(environment, NEXTAUTH_URL=PUBLIC_URL).nextauth_url == PUBLIC_URL


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_public_url_is_read_or_refused(value: str) -> None:
    """Any text is read as an origin without user, path or query, or refused."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NEXTAUTH_URL", value)
        with contextlib.suppress(SettingsInvalid):
            origin = load_settings(ServiceSettings).nextauth_url
            assert not set(origin.partition("://")[2]) & set("/@?# \\")


# Secrets


PREVIOUS = ["SECRET_KEY_PREVIOUS", "NEXTAUTH_SECRET_PREVIOUS", "SERVICE_SECRET_PREVIOUS"]


@pytest.mark.parametrize("name", PREVIOUS)
def test_keys_before(environment: pytest.MonkeyPatch, name: str) -> None:
    """Older keys are separated by commas; blanks and empty ones do not count."""
    settings = load(environment, **{name: f" {SAMPLE_SECRETS['SECRET_KEY']}x , ,{KEY}y,"})
    assert [key[-1] for key in reveal(getattr(settings, name.lower()))] == ["x", "y"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "NEXTAUTH_SECRET", *PREVIOUS])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x" * 31, "must be at least 32 bytes in production"),
        *((sample, "is a published sample; make your own for production") for sample in SAMPLE_SECRETS.values()),
    ],
)
def test_weak_secret_in_production(environment: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """Production refuses a secret that is short or published, and names it."""
    line = refusal(environment, **{name: value})
    assert line.startswith(name)
    assert line.endswith(said)
    assert load(environment, **{name: "é" * 16}), "32 bytes of UTF-8 are enough"


@pytest.mark.parametrize("name", ["NEXTAUTH_SECRET", *PREVIOUS])
def test_equal_secrets_in_production(environment: pytest.MonkeyPatch, name: str) -> None:
    """Production refuses secrets that are equal to one another."""
    line = refusal(environment, **{name: KEY})
    said = "is the same secret as SECRET_KEY; in production they must all be different"
    assert line == f"{name}: {said}"
    assert refusal(environment, **{name: f"{OTHER_KEY}!,{OTHER_KEY}!"} if name in PREVIOUS else {name: KEY})


def test_all_weak_secrets_are_named(environment: pytest.MonkeyPatch) -> None:
    """What is short, published, equal, missing or misspelt is told at once, and not one by one at each start."""
    line = refusal(
        environment,
        SECRET_KEY="x" * 31,
        NEXTAUTH_SECRET=SAMPLE_SECRETS["NEXTAUTH_SECRET"],
        SECRET_KEY_PREVIOUS=f"{KEY},{OTHER_KEY}",
        NEXTAUTH_SECRET_PREVIOUS=OTHER_KEY,
        NEXTAUTH_URL="http://example.com",
        NEXTAUTH_URI="x",
    )
    assert line.split("; ") == [
        "unknown setting NEXTAUTH_URI",
        "NEXTAUTH_URL: must be https in production",
        "SECRET_KEY: must be at least 32 bytes in production",
        "NEXTAUTH_SECRET: is a published sample",
        "make your own for production",
        "NEXTAUTH_SECRET_PREVIOUS: is the same secret as SECRET_KEY_PREVIOUS[1]",
        "in production they must all be different",
    ]


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:3000", "http://localhost.example.com"])
def test_http_in_production(environment: pytest.MonkeyPatch, url: str) -> None:
    """Production refuses plain http except on this machine; development accepts it."""
    assert refusal(environment, NEXTAUTH_URL=url) == "NEXTAUTH_URL: must be https in production"
    assert load(environment, NEXTAUTH_URL=url, ENVIRONMENT="development").nextauth_url == url


def test_development_takes_samples(environment: pytest.MonkeyPatch) -> None:
    """Development starts with the published samples, and with secrets that are short or equal."""
    samples = {name: SAMPLE_SECRETS[name] for name in ("SECRET_KEY", "NEXTAUTH_SECRET")}
    assert load(environment, ENVIRONMENT="development", **samples).environment == "development"
    assert load(environment, SECRET_KEY="x", NEXTAUTH_SECRET="x").shared_key == "x"


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "SECRET_KEY_PREVIOUS", "NEXTAUTH_SECRET", "NEXTAUTH_SECRET_PREVIOUS", "SERVICE_SECRET_PREVIOUS"],
)
def test_key_in_the_place_of_a_secret(environment: pytest.MonkeyPatch, name: str) -> None:
    """A key in PEM is no secret, for its public half is known to everybody; the line says where it belongs."""
    for key in (write_private(make_ec_key()), write_public(make_ec_key())):
        line = refusal(environment, **{name: key.decode()})
        assert line == f"{name}: must be a secret and no key in PEM, whose file TOKEN_KEY_FILE names"


# Secrets in files


def test_secret_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret may come as a file; a final newline is not part of it."""
    file = tmp_path / "key"
    file.write_text(f"{OTHER_KEY}!\n")
    previous = tmp_path / "previous"
    previous.write_text(f"{KEY}1,{KEY}2\n")

    settings = load(environment, SECRET_KEY="", SECRET_KEY_FILE=str(file), SECRET_KEY_PREVIOUS_FILE=str(previous))
    assert settings.shared_key == f"{OTHER_KEY}!"
    assert settings.secret_key_previous == (SecretStr(f"{KEY}1"), SecretStr(f"{KEY}2"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "which can't be read: No such file or directory"),
        (b"\xff", "which is not text"),
        (b" \n", "which is empty"),
    ],
)
def test_bad_secret_file(environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str) -> None:
    """A file that is missing, empty or not text stops the start, and the line says which."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    assert refusal(environment, SECRET_KEY=None, SECRET_KEY_FILE=str(file)) == f"SECRET_KEY_FILE names {file}, {said}"
    line = refusal(environment, NEXTAUTH_SECRET=None, NEXTAUTH_SECRET_FILE=str(tmp_path))
    assert line.endswith(f"; NEXTAUTH_SECRET_FILE names {tmp_path}, which can't be read: Is a directory")


def test_secret_in_the_place_of_its_file(environment: pytest.MonkeyPatch) -> None:
    """A secret that was set as if it were the name of a file is not shown."""
    line = refusal(environment, SECRET_KEY=None, SECRET_KEY_FILE=f"{KEY}!")
    assert line == "SECRET_KEY_FILE names a file that can't be read: No such file or directory"


def test_secret_given_twice(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret given both ways is refused: one of them would be silently ignored."""
    line = refusal(environment, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert line == "SECRET_KEY and SECRET_KEY_FILE are both set; keep one"


def test_checks_reach_files(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Production's checks apply to secrets from files, too."""
    file = tmp_path / "key"
    file.write_text(SAMPLE_SECRETS["SECRET_KEY"])

    assert "published sample" in refusal(environment, SECRET_KEY=None, SECRET_KEY_FILE=str(file))
