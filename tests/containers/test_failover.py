"""Two PostgreSQL servers, the second following the first: what was acknowledged survives the loss of the first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.support.containers import Containers, clean_project
from tests.support.operations_page import Command, Commands, copy_project, section
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.waiting import wait_until

PROJECT = "gatepost-failover"
PATIENCE = 180.0  # seconds
QUERIES = "gatepost_list_queries_total"
SHOW_METRICS = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8102/metrics').read().decode())"


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Give the commands of the page, all of which the tests take, one after the other."""
    with section("When PostgreSQL fails") as commands:
        yield commands


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> Iterator[Containers]:
    """Give a stack with secrets of its own that has run without a standby, and was given one."""
    clone = copy_project(tmp_path_factory.mktemp("clone"))
    with clean_project(PROJECT, clone) as containers:
        containers.run_script("deploy/https/new_env.sh", "gate.example.com")
        env = clone / ".env"
        own = [line for line in env.read_text().splitlines() if not line.startswith(("COMPOSE_FILE", "ENVIRONMENT"))]
        env.write_text("\n".join((*own, "COMPOSE_FILE=docker-compose.yml", "")))  # for tests by http
        containers.up()
        commands.take("add_standby.sh").run(clone, containers.environment())
        yield containers


class Writer:
    """Writes one post after the other and keeps what was acknowledged."""

    def __init__(self, client: httpx2.AsyncClient, author: Person) -> None:
        self._client = client
        self._author = author
        self._number = 0
        self.acknowledged: list[str] = []
        self.statuses: list[int] = []

    async def write(self) -> int:
        """Write one post and return the status of the answer."""
        self._number += 1
        body = {"title": f"Post {self._number}", "published": True}
        answer = await self._client.post("/api/posts", json=body, headers=self._author.bearer)
        self.statuses.append(answer.status_code)
        if answer.status_code == 201:
            self.acknowledged.append(body["title"])
        return answer.status_code

    async def go_on(self) -> None:
        """Write until cancelled."""
        while True:
            await self.write()
            await asyncio.sleep(0.02)

    async def list_titles(self) -> list[str]:
        """Return the titles of all posts that are there, the oldest first."""
        titles: list[str] = []
        url: str | None = f"/api/user/{self._author.id}?limit=100"
        while url:
            answer = await self._client.get(url, headers=self._author.bearer)
            assert answer.status_code == 200
            titles += [post["title"] for post in answer.json()]
            url = answer.links.get("next", {}).get("url")
        return titles[::-1]


@contextlib.asynccontextmanager
async def writing(writer: Writer) -> AsyncIterator[None]:
    """Let the writer go on meanwhile."""
    task = asyncio.create_task(writer.go_on())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def wait_for_writes(writer: Writer, number: int = 20) -> None:
    """Wait until so many further posts are acknowledged."""
    goal = len(writer.acknowledged) + number

    async def count() -> int:
        return len(writer.acknowledged)

    await wait_until(count, lambda found: found >= goal, seconds=PATIENCE)


def count_reads(containers: Containers, server: str) -> float:
    """Return how many queries for lists the posts service has asked a server."""
    figures = containers.execute("posts_service", "python", "-c", SHOW_METRICS).splitlines()
    counted = [line.split()[1] for line in figures if line.startswith(f'{QUERIES}{{server="{server}"}}')]
    return float(counted[0]) if counted else 0


async def test_a_write_waits_for_the_standby(containers: Containers, client: httpx2.AsyncClient, ada: Person) -> None:
    """While the standby does not follow, writes are refused and reads go on; nothing refused counts as acknowledged."""
    writer = Writer(client, ada)

    async def read_list() -> int:
        return (await client.get(f"/api/user/{ada.id}", headers=ada.bearer)).status_code

    assert await writer.write() == 201
    containers.docker("pause", "postgres_standby")
    try:
        assert await writer.write() == 503
        await wait_until(read_list, lambda status: status == 200, seconds=PATIENCE)
    finally:
        containers.docker("unpause", "postgres_standby")
    await wait_until(writer.write, lambda status: status == 201, seconds=PATIENCE)
    assert set(writer.acknowledged) <= set(await writer.list_titles())


async def test_lists_are_read_at_the_standby(containers: Containers, client: httpx2.AsyncClient, ada: Person) -> None:
    """Lists come from the standby, and whoever wrote a post sees it in the very next list all the same."""
    writer = Writer(client, ada)

    async def count() -> float:
        await writer.list_titles()
        return await asyncio.to_thread(count_reads, containers, "standby")

    before = await wait_until(count, lambda found: found > 0, seconds=PATIENCE)  # it may have been away just before
    for _ in range(50):
        assert await writer.write() == 201
        listed = await client.get(f"/api/user/{ada.id}?limit=1", headers=ada.bearer)
        assert [post["title"] for post in listed.json()] == writer.acknowledged[-1:]
    assert count_reads(containers, "standby") >= before + 50


def list_starts(containers: Containers) -> list[str]:
    """Return since when each PostgreSQL has run."""
    return [containers.format(server, "{{.State.StartedAt}}") for server in ("postgres", "postgres_standby")]


async def test_all_passwords_are_changed(containers: Containers, client: httpx2.AsyncClient, ada: Person) -> None:
    """The roles and the standby get new passwords; neither server is started anew, and writes and reads go on.

    A role gets its own even while the standby is away, when no other write ends.
    """
    before = list_starts(containers)
    containers.docker("pause", "postgres_standby")
    try:
        containers.run_script("deploy/change_secret.sh", "database", "auth", "posts")
    finally:
        containers.docker("unpause", "postgres_standby")
    containers.run_script("deploy/change_secret.sh", "database", "standby")
    await asyncio.to_thread(containers.start)
    assert list_starts(containers) == before
    writer = Writer(client, ada)
    await wait_until(writer.write, lambda status: status == 201, seconds=PATIENCE)
    counted = count_reads(containers, "standby")

    async def count() -> float:
        await writer.list_titles()
        return await asyncio.to_thread(count_reads, containers, "standby")

    await wait_until(count, lambda found: found > counted, seconds=PATIENCE)


def test_only_a_whole_copy_takes_over(containers: Containers) -> None:
    """Where the standby has no whole copy, nobody is promoted, and the primary goes on."""
    version = "/var/lib/postgresql/data/PG_VERSION"  # which a copy that was cut off does not have
    containers.execute("postgres_standby", "mv", version, f"{version}.aside")
    try:
        refused = Command("deploy/postgres/promote.sh").run(containers.root, containers.environment(), status=1)
    finally:
        containers.execute("postgres_standby", "mv", f"{version}.aside", version)
    assert "Nothing was stopped" in refused
    assert containers.format("postgres", "{{.State.Running}}").strip() == "true"


async def test_the_standby_takes_over(
    containers: Containers, commands: Commands, client: httpx2.AsyncClient, ada: Person
) -> None:
    """The primary is killed under load and the standby promoted: writes resume, and nothing acknowledged is lost.

    Who was signed in stays so, and the old primary, come back by accident, acknowledges nothing of its own.
    """
    writer = Writer(client, ada)
    async with writing(writer):
        await wait_for_writes(writer)
        await asyncio.to_thread(containers.docker, "kill", "postgres")
        await asyncio.to_thread(commands.take("promote.sh").run, containers.root, containers.environment())
        await wait_for_writes(writer)
        assert set(writer.statuses) <= {201, 503}
        await asyncio.to_thread(containers.docker, "start", "postgres")
        await asyncio.sleep(10)
        await asyncio.to_thread(containers.docker, "kill", "postgres")
        await wait_for_writes(writer)
    there = set(await writer.list_titles())
    assert set(writer.acknowledged) <= there
    signed_in = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    assert (signed_in.status_code, signed_in.json()["id"]) == (200, ada.id)
    grace = await sign_up_and_in(client, "Grace Hopper")
    assert grace.id != ada.id


async def test_the_way_back(
    containers: Containers, commands: Commands, client: httpx2.AsyncClient, ada: Person
) -> None:
    """``make up``, a backup and a restore leave the old primary off; then it leads again, and nothing is lost."""
    said = await asyncio.to_thread(containers.run_script, "deploy/compose_up.sh", "--no-build")
    assert "postgres stays off: postgres_standby has taken its place" in said
    saved = containers.run_script("deploy/postgres/backup.sh", str(containers.root / "backups")).strip()
    await asyncio.to_thread(containers.run_script, "deploy/postgres/restore.sh", saved, "posts")
    assert containers.format("postgres", "{{.State.Running}}").strip() == "false"
    recovery = Command("deploy/postgres/recover.sh latest")
    refused = await asyncio.to_thread(recovery.run, containers.root, containers.environment(), status=1)
    assert "nothing was stopped: let it lead again" in refused

    writer = Writer(client, ada)
    async with writing(writer):
        await wait_for_writes(writer)
        await asyncio.to_thread(commands.take("fail_back.sh").run, containers.root, containers.environment())
        await wait_for_writes(writer)
    assert set(writer.statuses) <= {201, 503}
    assert set(writer.acknowledged) <= set(await writer.list_titles())
    ask = ("psql", "-U", "postgres", "-Atc", "SELECT pg_is_in_recovery()")
    assert [containers.execute(server, *ask).strip() for server in ("postgres", "postgres_standby")] == ["f", "t"]
