"""Which settings each part gets: only what it uses, so that a secret goes only where it is needed.

Read from the environment, then from ``.env``, then the samples of development; an empty one counts as not set. What the
stack decides itself (databases, addresses, ports) can't be set, nor given as a file: it would open, and migrate,
somebody's own database.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from shared.settings import SAMPLE_SECRETS, list_names
from shared.web.service_calls import UNIX
from stack.mailbox import Mailbox
from stack.postgres import DatabaseUrls
from stack.services import BEHIND_GATEWAY, GATEWAY, SERVICES, SETTING_NAMES, Ports, Service

# Without the one of calls between services: in development they have that by themselves, unless they have their own.
_SAMPLES = {name: sample for name, sample in SAMPLE_SECRETS.items() if name != "SERVICE_SECRET"}
_DECIDED = {"HOST", "PORT", "METRICS_PORT", "PORT_HOLDER_SOCKET", "UNIX_SOCKET"}


def read_environment(
    ports: Mapping[str, Ports], databases: DatabaseUrls, sockets: Path, env_file: Path, mailbox: Mailbox | None = None
) -> dict[str, dict[str, str]]:
    """Return the environment of each service, by its name; ``sockets`` is where they listen for one another.

    Letters go to the mailbox, if there is one, unless the environment names another server for them.
    """
    given = _read_given(env_file)
    ours = {name: value for name, value in given if value and name in SETTING_NAMES}
    samples = {**_SAMPLES, **(mailbox.settings if mailbox is not None else {})}
    settings = {
        "ENVIRONMENT": "development",
        "NEXTAUTH_URL": f"http://localhost:{ports['gateway'].requests}",
        "GATEWAY_HOSTS": f"localhost:{ports['gateway'].requests}",  # for when NEXTAUTH_URL is a front end's
        **{name: sample for name, sample in samples.items() if not _is_replaced(name, ours)},
        **ours,
        **{service.url_setting: f"{UNIX}{_name_socket(sockets, service)}" for service in BEHIND_GATEWAY},
    }
    return {
        service.name: {
            **_take_others(given),
            **_pick(settings, service),
            **_name_database(databases, service),
            **_listen(service, ports[service.name], sockets),
        }
        for service in SERVICES
    }


def read_environment_of_mailbox(env_file: Path) -> dict[str, str]:
    """Return what the mailbox gets: which environment this is, and no setting of a service, so no secret."""
    given = _read_given(env_file)
    environments = [value for name, value in given if name == "ENVIRONMENT" and value]
    return {**_take_others(given), "ENVIRONMENT": environments[-1] if environments else "development"}


def read_drain(environment: Mapping[str, str]) -> float:
    """Return for how many seconds a service with this environment drains when it is told to end."""
    try:
        return float(environment.get("DRAIN_SECONDS", "0"))
    except ValueError:  # the service itself says so, and does not start
        return 0


def _is_replaced(sample: str, ours: Mapping[str, str]) -> bool:
    """Tell whether what is set stands for a sample: a file, or for what signs tokens a key pair."""
    return f"{sample}_FILE" in ours or (sample == "SECRET_KEY" and "TOKEN_KEY_FILE" in ours)


def _read_given(env_file: Path) -> list[tuple[str, str | None]]:
    """Return what is set, names twice where both say something: what comes later is in force."""
    return [*dotenv_values(env_file).items(), *os.environ.items()]


def _take_others(given: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return the variables that are no settings of ours."""
    return {name: value for name, value in given if value is not None and name not in SETTING_NAMES}


def _pick(settings: Mapping[str, str], service: Service) -> dict[str, str]:
    """Return what the service uses; a secret, and no database, may stand in a file (``SECRET_KEY_FILE``)."""
    names = list_names(service.settings) - _DECIDED - service.database_names
    if service is GATEWAY:
        names |= {each.url_setting for each in BEHIND_GATEWAY}
    return {name: value for name, value in settings.items() if name in names}


def _name_database(databases: DatabaseUrls, service: Service) -> dict[str, str]:
    if service.database is None or service.database_setting is None:
        return {}
    return {service.database_setting: databases.by_name[service.database]}


def _listen(service: Service, ports: Ports, sockets: Path) -> dict[str, str]:
    at_port = {"HOST": "127.0.0.1", "PORT": str(ports.requests), "METRICS_PORT": str(ports.metrics)}
    return at_port if service is GATEWAY else {**at_port, "UNIX_SOCKET": str(_name_socket(sockets, service))}


def _name_socket(sockets: Path, service: Service) -> Path:
    return sockets / f"{service.name}.sock"
