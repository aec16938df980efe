"""The posts service as an upstream: on an embedded PostgreSQL with rows of the benchmark's own, asked for lists.

A request asks for the newest ten posts of a random user. The random choice is the same in every run.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

from stack.postgres import PostgresFailed, running_postgres
from tests.benchmarks.processes import SERVER_CORE, START_DEADLINE, ServerFailed, on_core, pick_ports, running_server
from tests.benchmarks.rows import USERS, fill_posts
from tests.benchmarks.upstreams import Keys, Upstream, request_headers, service_environment, sign_tokens
from tests.benchmarks.wrk import Ask, LoadInvalid, fetch

POSTS_IN_ANSWER = 10
ASKS = 1_000
SEED = 1
NOWHERE = "http://127.0.0.1:9"  # the auth service is not asked: every author is known


@contextlib.contextmanager
def running_posts(keys: Keys, directory: Path) -> Iterator[Upstream]:
    """Run the posts service and its database."""
    directory.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    with contextlib.ExitStack() as stack:
        try:
            with on_core(SERVER_CORE):
                postgres = stack.enter_context(running_postgres(directory / "database"))
        except PostgresFailed as error:
            raise ServerFailed(str(error)) from error
        asyncio.run(fill_posts(postgres.urls.posts))
        port, metrics_port = pick_ports(2)
        environment = {
            **service_environment(keys, port, metrics_port),
            "POSTS_DATABASE_URL": postgres.urls.posts,
            "AUTH_SERVICE_URL": NOWHERE,
        }
        command = [sys.executable, "-m", "posts_service"]
        service = stack.enter_context(
            running_server("posts_service", command, port=port, directory=directory, environment=environment)
        )
        wait_until_ready("posts service", port)
        pids = (service.pid, postgres.child.process.pid)
        yield Upstream("the posts service", port, pids, prepare_asks(port, sign_tokens(keys)), is_guard=True)


def wait_until_ready(name: str, port: int) -> None:
    """Return when the service says that it is ready, or raise ServerFailed."""
    deadline = time.monotonic() + START_DEADLINE
    while fetch(port, "/readyz", {})[0] != HTTPStatus.OK:
        if time.monotonic() > deadline:
            raise ServerFailed(f"the {name} does not become ready")
        time.sleep(0.05)


def prepare_asks(port: int, tokens: Sequence[str]) -> tuple[Ask, ...]:
    """Return requests for random users' lists, with what the service answers to each now."""
    choice = random.Random(SEED)  # noqa: S311 - nothing secret
    return tuple(_prepare_ask(port, choice.randint(1, USERS), choice.choice(tokens)) for _ in range(ASKS))


def _prepare_ask(port: int, user_id: int, token: str) -> Ask:
    path, headers = f"/api/user/{user_id}?limit={POSTS_IN_ANSWER}", request_headers(token)
    _, body = fetch(port, path, headers)
    posts = json.loads(body)
    names = [post["author"]["name"] for post in posts]
    if names != [f"User {user_id}"] * POSTS_IN_ANSWER:
        raise LoadInvalid(f"the posts service does not answer {path} with {POSTS_IN_ANSWER} posts of that user")
    return Ask(path, headers, body)
