"""An installation for others, made and started by the commands of ``docs/operations.md``, with TLS by Caddy."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from stack.ports import list_free_ports
from tests.support.containers import Containers, clean_project
from tests.support.https_site import DOMAIN, site_client, write_curl_settings
from tests.support.operations_page import Command, Commands, copy_project
from tests.support.people import PASSWORD

PROJECT = "gatepost-production"
NETWORK = "10.213.96"
BRIDGE = f"{NETWORK}.1"
ROOT_CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"
PSQL = "psql --no-psqlrc --username postgres --tuples-only --no-align"
SIGN_IN = """curl -sS --fail -o /dev/null -H 'content-type: application/json' \
    -d '{"username": "ada@example.com", "password": "%s"}' https://%s/api/login"""


@dataclass(frozen=True, slots=True)
class Production:
    """The running installation."""

    containers: Containers
    https_port: int
    authority: Path

    @property
    def clone(self) -> Path:
        """Where it was cloned to, and its commands are run."""
        return self.containers.root

    def run(self, command: Command, replacing: Mapping[str, str] | None = None) -> str:
        """Run a command of the page as its operator does."""
        return command.run(self.clone, self.containers.environment(), replacing=replacing)

    def operate(self, words: str) -> str:
        """Run a command of the auth service's command line."""
        return self.run(Command(f"deploy/compose.sh exec -T auth_service python -m auth_service {words}"))

    def query(self, database: str, question: str) -> str:
        """Return what PostgreSQL answers its superuser."""
        return self.run(
            Command(f'deploy/compose.sh exec -T postgres {PSQL} --dbname {database} --command "{question}"')
        )

    def client(self) -> httpx2.AsyncClient:
        """Give a client, from another machine as it were."""
        return site_client(self.https_port, self.authority)


@contextlib.contextmanager
def running_production(folder: Path, commands: Commands) -> Iterator[Production]:
    """Give an installation that was started by these commands, in a folder of its own."""
    http_port, https_port = list_free_ports(2)
    settings = {
        "HTTP_PORT": str(http_port),
        "HTTPS_PORT": str(https_port),
        "CADDY_TLS": "tls internal",
        "CADDY_NETWORK": NETWORK,
        "DRAIN_SECONDS": "4",  # as it is without the tests' own
        "CURL_HOME": str(folder),
    }
    clone, authority = folder / "clone", folder / "authority.pem"
    clone.mkdir()
    with clean_project(PROJECT, copy_project(clone), **settings) as containers:
        production = Production(containers, https_port, authority)
        production.run(commands.take("deploy/https/new_env.sh"))
        production.run(commands.take("make up"))
        authority.write_text(containers.execute("caddy", "cat", ROOT_CERTIFICATE))
        write_curl_settings(folder, http_port, https_port, authority)
        for command in commands.take_all():
            if "audit" in command.text:
                production.run(Command(SIGN_IN % (PASSWORD, DOMAIN)))
            production.run(command)
        yield production
