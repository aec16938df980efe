"""One size under measurement: its own PostgreSQL with its rows, and the posts service on it."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stack.postgres import Postgres, PostgresFailed, running_postgres
from stack.processes import start_child, stop_children
from tests.benchmarks.many_rows import Amount
from tests.benchmarks.picks import Picks
from tests.benchmarks.posts_upstream import NOWHERE, wait_until_ready
from tests.benchmarks.processes import (
    ROOT,
    SERVER_CORE,
    STOP_PATIENCE,
    Server,
    ServerFailed,
    on_core,
    pick_ports,
    running_server,
)
from tests.benchmarks.upstreams import Keys, service_environment, sign_tokens

SESSIONS = 1000
SHARED_BUFFERS = "2GB"  # as PostgreSQL's manual advises for a server with 8 GB of its own

_COMPLETE = "loaded"  # a file that says that all rows are there


@dataclass(frozen=True, slots=True)
class Side:
    """What runs at one size, and some of its sessions."""

    amount: Amount
    postgres: Postgres
    posts: Server
    tokens: tuple[str, ...]
    session_ids: tuple[uuid.UUID, ...]

    @property
    def name(self) -> str:
        """The number of posts, as people write it."""
        return f"{self.amount.posts:,}"

    def make_picks(self) -> Picks:
        """Return choices that begin from the start."""
        return Picks(self.amount, self.session_ids)


def load_once(amount: Amount, data: Path) -> None:
    """Load a directory, unless that was done before; ServerFailed when it can't be done."""
    if (data / _COMPLETE).exists():
        return
    data.mkdir(mode=0o711, parents=True, exist_ok=True)
    numbers = ("--users", str(amount.users), "--posts", str(amount.posts))
    command = [sys.executable, "-m", "tests.benchmarks.load", *numbers, "--data", str(data)]
    child = start_child("load", command, directory=ROOT)
    try:
        if child.process.wait() != 0:
            raise ServerFailed(f"{amount.posts:,} posts were not loaded")
    finally:
        stop_children([child], STOP_PATIENCE)
    (data / _COMPLETE).touch()


@contextlib.contextmanager
def running_side(amount: Amount, data: Path, directory: Path) -> Iterator[Side]:
    """Run what was loaded until the block is left; the output goes to ``directory``."""
    keys = Keys()
    name = f"posts_service_{amount.posts}"
    with contextlib.ExitStack() as running:
        try:
            with on_core(SERVER_CORE):
                postgres = running.enter_context(
                    running_postgres(data, options=("-c", f"shared_buffers={SHARED_BUFFERS}"))
                )
        except PostgresFailed as error:
            raise ServerFailed(str(error)) from error
        port, metrics_port = pick_ports(2)
        own = {"POSTS_DATABASE_URL": postgres.urls.posts, "AUTH_SERVICE_URL": NOWHERE}
        environment = {**service_environment(keys, port, metrics_port), **own}
        command = [sys.executable, "-m", "posts_service"]
        run = running_server(name, command, port=port, directory=directory, environment=environment)
        server = running.enter_context(run)
        wait_until_ready(name, port)
        session_ids = asyncio.run(_list_session_ids(postgres.urls.auth))
        yield Side(amount, postgres, server, tuple(sign_tokens(keys)), session_ids)


async def _list_session_ids(url: str) -> tuple[uuid.UUID, ...]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT id FROM sessions ORDER BY id LIMIT $1", SESSIONS)
        return tuple(row["id"] for row in rows)
    finally:
        await connection.close()
