"""The whole stack under measurement: the three services on an embedded PostgreSQL, with rows, on the servers' core.

Every check is switched on, as in production, and the services find one another as with ``make run``. Only the guessing
limits are raised, for all load comes from one address. Whether a line is logged for each request, the caller says.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.web.service_calls import UNIX
from stack.postgres import Postgres, PostgresFailed, running_postgres
from tests.benchmarks.posts_upstream import prepare_asks, wait_until_ready
from tests.benchmarks.processes import (
    ROOT,
    SERVER_CORE,
    Server,
    ServerFailed,
    find_python,
    on_core,
    pick_ports,
    running_server,
)
from tests.benchmarks.rows import fill_posts, fill_users
from tests.benchmarks.upstreams import Keys, service_environment, sign_tokens
from tests.benchmarks.wrk import Ask

UNLIMITED = dict.fromkeys(
    (
        *("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS", "SIGN_IN_FAILURES_IN_A_ROW"),
        *("SIGN_UPS_PER_HOUR", "CLIENT_LOGS_PER_MINUTE", "TOKEN_REFRESHES_PER_HOUR", "RENAMES_PER_HOUR"),
    ),
    "1000000",
)


@dataclass(frozen=True, slots=True)
class Services:
    """The three, as one ``make run`` starts them."""

    auth: Server
    posts: Server
    gateway: Server

    @property
    def by_name(self) -> dict[str, Server]:
        """The services by the names that people read."""
        return {"auth service": self.auth, "posts service": self.posts, "gateway": self.gateway}


@dataclass(frozen=True, slots=True)
class WholeStack:
    """The running parts, the keys of the tokens, and the list requests with the posts service's answers."""

    keys: Keys
    postgres: Postgres
    services: Services
    asks: tuple[Ask, ...]
    tree: Path

    @property
    def postgres_pid(self) -> int:
        """The process whose children serve all connections."""
        return self.postgres.child.process.pid


@contextlib.contextmanager
def running_whole_stack(
    directory: Path, keys: Keys, *, tree: Path = ROOT, logs_requests: bool = False
) -> Iterator[WholeStack]:
    """Run everything until the block is left; data, logs and the like are in ``directory``, the code in ``tree``."""
    with (
        _running_database(directory, tree) as postgres,
        _running_services(directory, keys, postgres, tree, logs_requests=logs_requests) as services,
    ):
        yield WholeStack(keys, postgres, services, prepare_asks(services.posts.port, sign_tokens(keys)), tree)


@contextlib.contextmanager
def running_beside(stack: WholeStack, directory: Path, *, logs_requests: bool) -> Iterator[WholeStack]:
    """Run the services once more, on the same database."""
    with _running_services(directory, stack.keys, stack.postgres, stack.tree, logs_requests=logs_requests) as services:
        yield WholeStack(stack.keys, stack.postgres, services, stack.asks, stack.tree)


@contextlib.contextmanager
def running_one_query_each(stack: WholeStack, directory: Path) -> Iterator[Server]:
    """Run the posts service once more, asking the database for each list alone."""
    port, metrics_port = pick_ports(2)
    environment = {
        **service_environment(stack.keys, port, metrics_port),
        **_addresses(directory),
        "POSTS_DATABASE_URL": stack.postgres.urls.posts,
    }
    name = "tests.benchmarks.one_query_each"
    command = [sys.executable, "-m", name]
    with running_server(name, command, port=port, directory=directory, environment=environment) as server:
        wait_until_ready(name, port)
        yield server


@contextlib.contextmanager
def _running_database(directory: Path, tree: Path) -> Iterator[Postgres]:
    directory.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    with ExitStack() as running:
        try:
            with on_core(SERVER_CORE):
                postgres = running.enter_context(running_postgres(directory / "database"))
        except PostgresFailed as error:
            raise ServerFailed(str(error)) from error
        asyncio.run(fill_users(postgres.urls.auth, tree))
        asyncio.run(fill_posts(postgres.urls.posts, tree))
        yield postgres


@contextlib.contextmanager
def _running_services(
    directory: Path, keys: Keys, postgres: Postgres, tree: Path, *, logs_requests: bool
) -> Iterator[Services]:
    addresses = _addresses(directory)
    auth_socket, posts_socket = (address.removeprefix(UNIX) for address in addresses.values())
    modules = {
        "auth_service": {
            "AUTH_DATABASE_URL": postgres.urls.auth,
            "UNIX_SOCKET": auth_socket,
            **_name_key_file(keys, directory),
            **UNLIMITED,
        },
        "posts_service": {"POSTS_DATABASE_URL": postgres.urls.posts, "UNIX_SOCKET": posts_socket},
        "gateway": {},
    }
    picked = pick_ports(2 * len(modules))  # all at once: what was picked before could be picked again
    ports, metrics_ports = picked[: len(modules)], picked[len(modules) :]
    with ExitStack() as running:
        servers = []
        for (name, own), port, metrics_port in zip(modules.items(), ports, metrics_ports, strict=True):
            shared = service_environment(keys, port, metrics_port, logs_requests=logs_requests)
            run = running_server(
                name,
                [find_python(tree), "-m", name],
                port=port,
                directory=directory,
                environment={**shared, **addresses, **own},
                tree=tree,
            )
            servers.append(running.enter_context(run))
        for server in servers:
            wait_until_ready(server.name, server.port)
        yield Services(*servers)


def _name_key_file(keys: Keys, directory: Path) -> dict[str, str]:
    """Write the key pair into a file of ours alone, if there is one, and return the setting that names it."""
    if keys.pair is None:
        return {}
    file = directory / "token-key.pem"
    file.touch(0o600)
    file.write_text(keys.pair)
    return {"TOKEN_KEY_FILE": str(file)}


def _addresses(directory: Path) -> dict[str, str]:
    """Return where the services find each other, as two settings."""
    return {f"{name}_SERVICE_URL": f"{UNIX}{directory}/{name.lower()}.sock" for name in ("AUTH", "POSTS")}
