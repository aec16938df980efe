"""What each part of the stack without Docker is given: what the environment says, but for what the stack decides."""

import os
from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from shared.settings import SAMPLE_SECRETS
from stack.mailbox import Mailbox
from stack.postgres import DatabaseUrls
from stack.services import DATABASES, SERVICES, SETTING_NAMES, Ports
from stack.settings import read_drain, read_environment, read_environment_of_mailbox

PORTS = {**{service.name: service.ports for service in SERVICES}, "gateway": Ports(3001, 3101)}
MAILBOX = Mailbox(smtp_port=2525, page_port=8025)
URLS = DatabaseUrls({name: f"postgresql://{name}@/{name}" for name in DATABASES})


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take our settings out of the environment."""
    for name in SETTING_NAMES & set(os.environ):
        monkeypatch.delenv(name)
    return monkeypatch


def read(env_file: Path = Path("/nowhere/.env"), mailbox: Mailbox | None = None) -> dict[str, dict[str, str]]:
    """Return what each service is given."""
    return read_environment(PORTS, URLS, Path("/somewhere"), env_file, mailbox)


@pytest.mark.parametrize("form", ["", "_FILE"])
@pytest.mark.parametrize("name", ["AUTH_DATABASE_URL", "POSTS_DATABASE_URL", "POSTS_REPLICA_URL"])
def test_no_database_but_its_own(environment: pytest.MonkeyPatch, name: str, form: str) -> None:
    """Whatever the environment says of databases, as a value or as a file, the stack uses its embedded ones alone."""
    environment.setenv(name + form, "/run/secrets/the-real-one")
    found = read()
    assert "/run/secrets/the-real-one" not in {value for each in found.values() for value in each.values()}
    assert found["auth_service"]["AUTH_DATABASE_URL"] == URLS.auth
    assert found["posts_service"]["POSTS_DATABASE_URL"] == URLS.posts


@pytest.mark.parametrize("name", SAMPLE_SECRETS)
def test_a_secret_in_a_file_replaces_the_sample(environment: pytest.MonkeyPatch, name: str) -> None:
    """A secret that is named as a file is given as that, and the sample is not given beside it."""
    environment.setenv(f"{name}_FILE", "/run/secrets/key")
    given = read()["gateway"]
    assert given[f"{name}_FILE"] == "/run/secrets/key"
    assert name not in given


def test_a_key_pair_replaces_the_sample_that_signs(environment: pytest.MonkeyPatch) -> None:
    """With a key pair no service takes what the published sample signs; the auth service alone is told of the pair."""
    environment.setenv("TOKEN_KEY_FILE", "/run/secrets/key.pem")
    found = read()
    assert [name for name, given in found.items() if "TOKEN_KEY_FILE" in given] == ["auth_service"]
    assert not [name for name, given in found.items() if "SECRET_KEY" in given]
    assert found["auth_service"]["NEXTAUTH_SECRET"] == SAMPLE_SECRETS["NEXTAUTH_SECRET"]
    environment.setenv("SECRET_KEY", "my-own")
    assert {given["SECRET_KEY"] for given in read().values()} == {"my-own"}


def test_a_secret_given_twice_is_given_twice(environment: pytest.MonkeyPatch) -> None:
    """A secret that comes as a value and as a file reaches the service both ways, which refuses it."""
    environment.setenv("SECRET_KEY", "my-own")
    environment.setenv("SECRET_KEY_FILE", "/run/secrets/key")
    assert {"SECRET_KEY", "SECRET_KEY_FILE"} <= set(read()["posts_service"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NEXTAUTH_URL", "http://localhost:3001"),
        ("GATEWAY_HOSTS", "localhost:3001"),
        ("ENVIRONMENT", "development"),
        ("SECRET_KEY", SAMPLE_SECRETS["SECRET_KEY"]),
    ],
)
def test_an_empty_setting_counts_as_not_set(environment: pytest.MonkeyPatch, name: str, expected: str) -> None:
    """An empty setting leaves the default in force, as it does in the services."""
    environment.setenv(name, "")
    assert read()["gateway"][name] == expected


def test_an_empty_variable_does_not_hide_the_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is empty in the environment is as ``.env`` says; what is not, goes before it."""
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nLOG_FORMAT=json\n")
    environment.setenv("LOG_LEVEL", "")
    environment.setenv("LOG_FORMAT", "text")
    given = read(tmp_path / ".env")["gateway"]
    assert (given["LOG_LEVEL"], given["LOG_FORMAT"]) == ("DEBUG", "text")


def test_what_is_no_setting_goes_through(environment: pytest.MonkeyPatch) -> None:
    """Variables that are none of ours reach the services as they are, empty ones too."""
    environment.setenv("SOMEBODYS_OWN", "")
    assert read()["gateway"]["SOMEBODYS_OWN"] == ""


@pytest.mark.parametrize(("value", "seconds"), [("4", 4.0), ("", 0.0), ("abc", 0.0)])
def test_draining_reaches_every_service(environment: pytest.MonkeyPatch, value: str, seconds: float) -> None:
    """``DRAIN_SECONDS`` is given to each service, a wrong one too, which it refuses; the stack waits so much longer."""
    environment.setenv("DRAIN_SECONDS", value)
    for given in read().values():
        assert given.get("DRAIN_SECONDS", "") == value
        assert read_drain(given) == seconds


def test_services_are_found_at_their_sockets(environment: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, the services listen below one directory, and are asked there."""
    environment.setenv("UNIX_SOCKET", "/elsewhere.sock")
    environment.setenv("POSTS_SERVICE_URL", "http://elsewhere")
    found = read()
    assert found["auth_service"]["UNIX_SOCKET"] == "/somewhere/auth_service.sock"
    assert found["posts_service"]["UNIX_SOCKET"] == "/somewhere/posts_service.sock"
    assert "UNIX_SOCKET" not in found["gateway"]
    assert found["gateway"]["POSTS_SERVICE_URL"] == "unix:/somewhere/posts_service.sock"
    assert found["gateway"]["AUTH_SERVICE_URL"] == found["posts_service"]["AUTH_SERVICE_URL"]
    assert found["gateway"]["AUTH_SERVICE_URL"] == "unix:/somewhere/auth_service.sock"


# Secrets of calls between services


def test_each_service_gets_its_own_secret_alone(environment: pytest.MonkeyPatch) -> None:
    """A service is given the secret by which it calls and no other's; the auth service those of all."""
    callers = {service.name: service.secret_setting for service in SERVICES if service.name != "auth_service"}
    for setting in callers.values():
        environment.setenv(setting, f"of-its-own-{setting}")
    found = read()
    assert set(callers.values()) <= found["auth_service"].keys()
    for name, setting in callers.items():
        assert set(callers.values()) & found[name].keys() == {setting}
        assert not {given for given in found[name] if given.startswith("SERVICE_SECRET")}


# The mailbox


@pytest.mark.usefixtures("environment")
def test_letters_go_nowhere_by_themselves() -> None:
    """Without a mailbox, and without a server that is named, no service knows of any."""
    assert not [given for given in read().values() if {"SMTP_URL", "MAIL_FROM"} & given.keys()]


@pytest.mark.usefixtures("environment")
def test_letters_go_to_the_mailbox() -> None:
    """With a mailbox the auth service, and no other, sends its letters there."""
    found = read(mailbox=MAILBOX)
    assert {name for name, given in found.items() if "SMTP_URL" in given} == {"auth_service"}
    assert found["auth_service"]["SMTP_URL"] == "smtp://127.0.0.1:2525?tls=none"
    assert found["auth_service"]["MAIL_FROM"] == "Gatepost <no-reply@localhost>"
    settings = AuthSettings.model_validate(
        {name.lower(): value for name, value in found["auth_service"].items() if name in SETTING_NAMES}
    )
    assert settings.smtp_url is not None


@pytest.mark.parametrize("name", ["SMTP_URL", "SMTP_URL_FILE"])
def test_a_server_that_is_named_goes_before_the_mailbox(environment: pytest.MonkeyPatch, name: str) -> None:
    """Whoever names another server for letters gets them there, and not twice."""
    environment.setenv(name, "smtp://mail.example.org")
    given = read(mailbox=MAILBOX)["auth_service"]
    assert {key: value for key, value in given.items() if key.startswith("SMTP_URL")} == {
        name: "smtp://mail.example.org"
    }


def test_the_mailbox_gets_no_secret(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The mailbox is told which environment this is, and no setting of any service."""
    (tmp_path / ".env").write_text("SECRET_KEY=my-own\nENVIRONMENT=production\n")
    environment.setenv("AUTH_DATABASE_URL", "postgresql://somewhere")
    environment.setenv("SOMEBODYS_OWN", "word")
    given = read_environment_of_mailbox(tmp_path / ".env")
    assert SETTING_NAMES & given.keys() == {"ENVIRONMENT"}
    assert (given["ENVIRONMENT"], given["SOMEBODYS_OWN"]) == ("production", "word")
    assert read_environment_of_mailbox(Path("/nowhere/.env"))["ENVIRONMENT"] == "development"
