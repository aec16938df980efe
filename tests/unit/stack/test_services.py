"""The table of services against what is written out beside it: compose, the images, the databases' roles."""

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from auth_service.settings import AuthSettings
from shared.settings import Secret, SettingsInvalid, list_file_names, list_names, load_settings
from shared.tokens.service_settings import list_callers
from stack.services import BEHIND_GATEWAY, DATABASES, GATEWAY, SERVICES, SETTING_NAMES, Service
from tests.support.house import ROOT

COMPOSE_FILES = (ROOT / "docker-compose.yml", *sorted((ROOT / "deploy").glob("*.yml")))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEVELOPED = yaml.safe_load((ROOT / "deploy/develop.yml").read_text())["services"]
OF_THE_IMAGE = {"HOST", "PORT", "METRICS_PORT", "UNIX_SOCKET"}


def name_of(service: Service) -> str:
    """Return a service's name."""
    return service.name


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_compose_gives_each_service_its_settings(service: Service) -> None:
    """A container gets every setting of its service, so that each can be set, and no other, so no secret too many."""
    files = {f"{name}_FILE" for name in list_file_names(service.settings)}
    urls = {each.url_setting for each in BEHIND_GATEWAY} if service is GATEWAY else set()
    expected = (list_names(service.settings) - files - OF_THE_IMAGE) | urls
    assert set(COMPOSE[service.name]["environment"]) == expected


@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_what_compose_reads_is_a_setting(file: Path) -> None:
    """One ``.env`` feeds compose and ``make run``: to neither is what the other reads an unknown setting."""
    assert set(re.findall(r"\$\{(\w+)", file.read_text())) <= SETTING_NAMES


@pytest.mark.parametrize(("name", "container"), DEVELOPED.items(), ids=DEVELOPED)
def test_containers_of_development_see_what_they_run(name: str, container: dict[str, Any]) -> None:
    """They get the packages that they run, and not the folder, in which ``.env`` has every service's secrets."""
    assert name in {service.name for service in SERVICES}
    assert container["volumes"] == [f"./{package}:/app/{package}:ro" for package in (name, "shared")]


def test_compose_knows_where_services_are() -> None:
    """Wherever compose says where a service is, it is at its port."""
    for container in COMPOSE.values():
        given = container.get("environment", {})
        for service in BEHIND_GATEWAY:
            expected = f"${{{service.url_setting}:-http://{service.name}:{service.ports.requests}}}"
            assert given.get(service.url_setting, expected) == expected


@pytest.mark.parametrize("service", BEHIND_GATEWAY, ids=name_of)
def test_the_gateway_looks_for_services_where_they_are(service: Service) -> None:
    """Where nothing is set, the gateway looks for each service at its port on this machine."""
    default = GATEWAY.settings.model_fields[service.url_setting.lower()].default
    assert default == f"http://127.0.0.1:{service.ports.requests}"


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_images_listen_where_the_table_says(service: Service) -> None:
    """The image of a service has its two ports."""
    image = (ROOT / "Dockerfile").read_text().partition(f" AS {service.name}\n")[2]
    found = re.search(r"PORT=(\d+) METRICS_PORT=(\d+)", image)
    assert found
    assert found.groups() == (str(service.ports.requests), str(service.ports.metrics))


def test_the_auth_service_knows_each_caller() -> None:
    """Each service that calls the auth service has a secret of its own and no other's; the auth service has all."""
    callers = [service for service in SERVICES if service.settings is not AuthSettings]
    assert set(list_callers(AuthSettings)) == {service.name for service in callers}
    for service in callers:
        assert list_callers(service.settings) == (service.name,)
        names = {service.secret_setting, f"{service.secret_setting}_PREVIOUS"}
        assert names <= list_names(service.settings) & list_names(AuthSettings)


def test_ports_differ() -> None:
    """On one machine no two services listen at one port."""
    ports = [port for service in SERVICES for port in (service.ports.requests, service.ports.metrics)]
    assert len(set(ports)) == len(ports)


def test_each_database_is_made() -> None:
    """The container with PostgreSQL knows each service's database, from which it makes that and its role."""
    expected = {service.database_setting for service in SERVICES} - {None}
    assert {name for name in COMPOSE["postgres"]["environment"] if name.endswith("_DATABASE_URL")} == expected
    assert {f"{name.upper()}_DATABASE_URL" for name in DATABASES} == expected


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_a_secret_is_no_database(service: Service) -> None:
    """What the stack keeps from a service is where databases are, its own among them, and never another secret."""
    assert {service.database_setting} - {None} <= service.database_names

    class WithMoreSecrets(service.settings):  # type: ignore[name-defined] # of one service after the other
        smtp_password: Secret
        client_secret: Secret | None = None

    assert replace(service, settings=WithMoreSecrets).database_names == service.database_names


@pytest.mark.parametrize(("service", "other"), list(permutations(SERVICES, 2)), ids=name_of)
def test_no_service_mistakes_a_setting_of_another(
    monkeypatch: pytest.MonkeyPatch, service: Service, other: Service
) -> None:
    """One environment may feed all services: none takes another's setting for a slip of its own."""
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    for name in list_names(other.settings) - list_names(service.settings):
        monkeypatch.setenv(name, "anything")
    with pytest.raises(SettingsInvalid, match="is missing") as refused:
        load_settings(service.settings)
    assert "unknown setting" not in str(refused.value)


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
@pytest.mark.parametrize(
    "name",
    [
        *("VOTES_SERVICE_URL", "VOTES_DATABASE_URL", "VOTES_DATABASE_URL_FILE"),
        *("VOTES_SERVICE_SECRET", "VOTES_SERVICE_SECRET_PREVIOUS", "VOTES_SERVICE_SECRET_FILE"),
    ],
)
def test_a_new_service_may_be_called_nearly_like_another(
    monkeypatch: pytest.MonkeyPatch, service: Service, name: str
) -> None:
    """Where a service and its database are, and its secret, is no slip of another's name, however alike the two are."""
    for known in SETTING_NAMES:
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setenv(name, "anything")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(service.settings)
    assert "unknown setting" not in str(refused.value)
