"""Which settings each part gets: only what it uses, so that a secret goes only where it is needed.

Read from the environment, then from ``.env``, then the samples of development; an empty one counts as not set. What the
stack decides itself (databases, addresses, ports) can't be set, nor given as a file: it would open, and migrate,
somebody's own database.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from shared.settings import SAMPLE_SECRETS, SECRET_NAMES, SETTING_NAMES
from shared.web.service_calls import UNIX
from stack.postgres import DatabaseUrls

_EVERYBODY = (
    *("ENVIRONMENT", "NEXTAUTH_URL", "SECRET_KEY", "SECRET_KEY_PREVIOUS"),
    *("ACCESS_TOKEN_TTL", "LOG_LEVEL", "LOG_FORMAT", "DRAIN_SECONDS"),
)
_NAMES = {
    "auth_service": (
        *("NEXTAUTH_SECRET", "NEXTAUTH_SECRET_PREVIOUS", "SERVICE_SECRET", "SERVICE_SECRET_PREVIOUS"),
        *("AUTH_DATABASE_URL", "SESSION_MAX_AGE", "SESSION_IDLE_AGE"),
        *("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS", "SIGN_IN_FAILURES_IN_A_ROW"),
        *("SIGN_IN_FAILURE_WINDOW", "SIGN_IN_LONGEST_WAIT", "SIGN_UPS_PER_HOUR", "CLIENT_LOGS_PER_MINUTE"),
        *("TOKEN_REFRESHES_PER_HOUR", "RENAMES_PER_HOUR", "BREACHED_PASSWORDS_FILE"),
        *("AUDIT_RETENTION_DAYS", "SESSION_RETENTION_DAYS"),
    ),
    "posts_service": (
        *("SERVICE_SECRET", "SERVICE_SECRET_PREVIOUS", "POSTS_DATABASE_URL", "AUTH_SERVICE_URL"),
        "IDEMPOTENCY_RETENTION_HOURS",
    ),
    "gateway": (
        *("NEXTAUTH_SECRET", "NEXTAUTH_SECRET_PREVIOUS", "SERVICE_SECRET", "SERVICE_SECRET_PREVIOUS"),
        *("AUTH_SERVICE_URL", "POSTS_SERVICE_URL"),
        *("GATEWAY_RULES", "GATEWAY_HOSTS", "TRUSTED_PROXIES", "SESSION_MAX_AGE", "SECURITY_CONTACT"),
    ),
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one service listens on 127.0.0.1."""

    requests: int
    metrics: int


def read_environment(
    ports: Mapping[str, Ports], databases: DatabaseUrls, sockets: Path, env_file: Path
) -> dict[str, dict[str, str]]:
    """Return the environment of each service, by its name; ``sockets`` is where they listen for one another."""
    given = [*dotenv_values(env_file).items(), *os.environ.items()]
    ours = {name: value for name, value in given if value and name in SETTING_NAMES}
    settings = {
        "ENVIRONMENT": "development",
        "NEXTAUTH_URL": f"http://localhost:{ports['gateway'].requests}",
        "GATEWAY_HOSTS": f"localhost:{ports['gateway'].requests}",  # for when NEXTAUTH_URL is a front end's
        **{name: sample for name, sample in SAMPLE_SECRETS.items() if f"{name}_FILE" not in ours},
        **ours,
        "AUTH_DATABASE_URL": databases.auth,
        "POSTS_DATABASE_URL": databases.posts,
        "AUTH_SERVICE_URL": f"{UNIX}{_name_socket(sockets, 'auth_service')}",
        "POSTS_SERVICE_URL": f"{UNIX}{_name_socket(sockets, 'posts_service')}",
    }
    rest = {name: value for name, value in given if value is not None and name not in SETTING_NAMES}
    return {name: {**rest, **_pick(settings, name), **_listen(name, ports[name], sockets)} for name in _NAMES}


def read_drain(environment: Mapping[str, str]) -> float:
    """Return for how many seconds a service with this environment drains when it is told to end."""
    try:
        return float(environment.get("DRAIN_SECONDS", "0"))
    except ValueError:  # the service itself says so, and does not start
        return 0


def _pick(settings: Mapping[str, str], service: str) -> dict[str, str]:
    """Return what the service uses; a secret, and no database, may stand in a file (``SECRET_KEY_FILE``)."""
    names = {*_EVERYBODY, *_NAMES[service]}
    files = {f"{name}_FILE" for name in names.intersection(SECRET_NAMES)}
    return {name: value for name, value in settings.items() if name in names | files}


def _listen(service: str, ports: Ports, sockets: Path) -> dict[str, str]:
    at_port = {"HOST": "127.0.0.1", "PORT": str(ports.requests), "METRICS_PORT": str(ports.metrics)}
    return at_port if service == "gateway" else {**at_port, "UNIX_SOCKET": str(_name_socket(sockets, service))}


def _name_socket(sockets: Path, service: str) -> Path:
    return sockets / f"{service}.sock"
