"""The whole stack under measurement: the three services on an embedded PostgreSQL, with rows, on the servers' core.

Every check is switched on, as in production, and the services find one another as with ``make run``. Only two things
differ from what an operator runs: the guessing limits are raised, for all load comes from one address; and no line is
logged for a request, as with the peers.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.posts_upstream import prepare_asks, wait_until_ready
from benchmarks.processes import SERVER_CORE, Server, ServerFailed, on_core, pick_ports, running_server
from benchmarks.rows import fill_posts, fill_users
from benchmarks.upstreams import Keys, service_environment, sign_tokens
from benchmarks.wrk import Ask
from shared.service_calls import UNIX
from stack.postgres import Postgres, PostgresFailed, running_postgres

UNLIMITED = dict.fromkeys(
    (
        *("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS", "SIGN_IN_FAILURES_IN_A_ROW"),
        *("SIGN_UPS_PER_HOUR", "CLIENT_LOGS_PER_MINUTE", "TOKEN_REFRESHES_PER_HOUR", "RENAMES_PER_HOUR"),
    ),
    "1000000",
)


@dataclass(frozen=True, slots=True)
class WholeStack:
    """The running parts, the keys of the tokens, and the list requests with the posts service's answers.

    ``one_query_each`` is the posts service a second time, asking the database for each list alone.
    """

    keys: Keys
    postgres: Postgres
    auth: Server
    posts: Server
    gateway: Server
    one_query_each: Server
    asks: tuple[Ask, ...]

    @property
    def services(self) -> dict[str, Server]:
        """The services by their names."""
        return {server.name.replace("_", " "): server for server in (self.auth, self.posts, self.gateway)}

    @property
    def postgres_pid(self) -> int:
        """The process whose children serve all connections."""
        return self.postgres.child.process.pid


@contextlib.contextmanager
def running_whole_stack(directory: Path) -> Iterator[WholeStack]:
    """Run everything until the block is left; data, logs and the like are in ``directory``."""
    keys = Keys()
    with _running_database(directory) as postgres, _running_services(keys, postgres, directory) as servers:
        auth, posts, gateway, one_query_each = servers
        asks = prepare_asks(posts.port, sign_tokens(keys))
        yield WholeStack(keys, postgres, auth, posts, gateway, one_query_each, asks)


@contextlib.contextmanager
def _running_database(directory: Path) -> Iterator[Postgres]:
    directory.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    with ExitStack() as running:
        try:
            with on_core(SERVER_CORE):
                postgres = running.enter_context(running_postgres(directory / "database"))
        except PostgresFailed as error:
            raise ServerFailed(str(error)) from error
        asyncio.run(fill_users(postgres.urls.auth))
        asyncio.run(fill_posts(postgres.urls.posts))
        yield postgres


@contextlib.contextmanager
def _running_services(keys: Keys, postgres: Postgres, directory: Path) -> Iterator[list[Server]]:
    """Run the services, and the posts service once more without shared queries; in the order of ``modules``."""
    posts = {"POSTS_DATABASE_URL": postgres.urls.posts}
    auth_socket, posts_socket = str(directory / "auth.sock"), str(directory / "posts.sock")
    modules = {
        "auth_service": {"AUTH_DATABASE_URL": postgres.urls.auth, "UNIX_SOCKET": auth_socket, **UNLIMITED},
        "posts_service": {**posts, "UNIX_SOCKET": posts_socket},
        "gateway": {},
        "benchmarks.one_query_each": posts,
    }
    picked = pick_ports(2 * len(modules))  # all at once: what was picked before could be picked again
    ports, metrics_ports = picked[: len(modules)], picked[len(modules) :]
    addresses = {"AUTH_SERVICE_URL": f"{UNIX}{auth_socket}", "POSTS_SERVICE_URL": f"{UNIX}{posts_socket}"}
    with ExitStack() as running:
        servers = []
        for (name, own), port, metrics_port in zip(modules.items(), ports, metrics_ports, strict=True):
            environment = {**service_environment(keys, port, metrics_port), **addresses, **own}
            command = [sys.executable, "-m", name]
            run = running_server(name, command, port=port, directory=directory, environment=environment)
            servers.append(running.enter_context(run))
        for server in servers:
            wait_until_ready(server.name, server.port)
        yield servers
