"""What the doctor says of connections that others have, and of a standby: against real servers."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

import posts_service.parts
from shared.doctor.database import examine_database, examine_standby
from shared.doctor.findings import Finding
from shared.postgres.archiving import ask_archiving
from shared.postgres.database import Database
from stack.postgres import DatabaseUrls, running_postgres
from tests.support.waiting import wait_until

NAME = "POSTS_REPLICA_URL"


@contextmanager
def running_standby(data: Path, follows: str) -> Iterator[Database]:
    """Give the standby whose data is there, and which follows the server at a socket; none if that is empty."""
    leads_to = f"host={follows} user=postgres application_name=standby" if follows else ""
    with running_postgres(data, durable=False, options=("-c", f"primary_conninfo={leads_to}")) as server:
        yield Database(server.urls.posts, (), "posts_service", setting=NAME)


@contextmanager
def running_primary(data: Path, waits_for: str = "") -> Iterator[tuple[Database, str]]:
    """Give a primary that waits for the standbys of a name, and its socket."""
    options = ("-c", f"synchronous_standby_names={waits_for}")
    with running_postgres(data, durable=False, options=options) as server:
        url = server.urls.posts
        yield Database(url, [posts_service.parts.MIGRATIONS], "posts_service"), unquote(url.partition("host=")[2])


@pytest.fixture(scope="module")
def folders() -> Iterator[dict[str, Path]]:
    """Give the data of a primary, of a copy of it that is a standby, and of a standby of another."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        Path(directory).chmod(0o755)
        found = {name: Path(directory) / name for name in ("primary", "standby", "other")}
        for name in ("primary", "other"):
            with running_postgres(found[name], durable=False):
                pass
            rules = found[name] / "postgres" / "pg_hba.conf"
            rules.write_text(f"local replication all trust\n{rules.read_text()}")
        subprocess.run(["cp", "--archive", found["primary"], found["standby"]], check=True)
        (found["standby"] / "postgres" / "standby.signal").touch()
        yield found


async def judge(standby: Database, primary: Database) -> Finding:
    """Return the one thing that is said of a standby."""
    (finding,) = await examine_standby(standby, primary)
    return finding


async def test_a_standby_that_follows_nobody_is_told(folders: dict[str, Path]) -> None:
    """A standby to which no primary sends anything is a problem: what is read there is ever older."""
    with running_primary(folders["primary"]) as (primary, _), running_standby(folders["standby"], "") as standby:
        found = await judge(standby, primary)
    assert (found.level, found.says) == ("problem", "no primary sends it anything: what is read there gets old")


@pytest.mark.parametrize(
    ("waits_for", "level", "says"),
    [
        ("standby", "ok", "it follows the primary, which waits for it"),
        (
            "",
            "warning",
            "the primary does not wait for it (synchronous_standby_names is empty), so lists are read at the primary",
        ),
    ],
)
async def test_a_standby_that_follows(folders: dict[str, Path], waits_for: str, level: str, says: str) -> None:
    """A standby that follows is fine where the primary waits for it; else it is never read, and that is told."""
    with (
        running_primary(folders["primary"], waits_for) as (primary, socket),
        running_standby(folders["standby"], socket) as standby,
    ):
        found = await wait_until(lambda: judge(standby, primary), lambda each: each.level != "problem", seconds=30)
    assert (found.level, found.says) == (level, says)


async def test_a_standby_has_nothing_to_archive(folders: dict[str, Path]) -> None:
    """A standby is asked about its archive like a primary, and writes no log that could wait there."""
    with running_standby(folders["standby"], "") as standby:
        connection = await standby.connect_apart()
        found = await ask_archiving(connection)
        await connection.close()
    assert found is not None
    assert (found.waiting, found.is_failing) == (0, False)


async def test_a_standby_of_another_server_is_told(folders: dict[str, Path]) -> None:
    """A standby that follows another server than the service's is a problem, whomever that waits for."""
    with (
        running_primary(folders["primary"]) as (_, socket),
        running_primary(folders["other"], "standby") as (other, _),
        running_standby(folders["standby"], socket) as standby,
    ):
        found = await wait_until(lambda: judge(standby, other), lambda each: "sends it" not in each.says, seconds=30)
    assert (found.level, found.says) == ("problem", "it follows another server than the service's primary")


async def test_without_the_primary_half_is_not_known(folders: dict[str, Path]) -> None:
    """Where the primary can't be asked, what it would say of the standby is unknown, and no fault of Gatepost."""
    gone = Database("postgresql://posts:word@127.0.0.1:1/posts", (), "posts_service")
    with running_primary(folders["primary"]) as (_, socket), running_standby(folders["standby"], socket) as standby:
        found = await wait_until(lambda: judge(standby, gone), lambda each: each.level != "problem", seconds=30)
    assert found.level == "unknown"
    assert "whether the primary waits for it" in found.says


async def test_a_primary_is_no_standby(databases: DatabaseUrls) -> None:
    """A URL of a standby that leads to a primary is a problem, and the setting is named."""
    database = Database(databases.posts, (), "posts_service", setting=NAME)
    found = await judge(database, database)
    assert (found.level, NAME in found.says) == ("problem", True)


async def test_the_connections_of_all_are_counted(databases: DatabaseUrls) -> None:
    """Those of other roles take room, too, though a service's role may see little of them."""
    database = Database(databases.posts, [posts_service.parts.MIGRATIONS], "posts_service")

    async def count() -> int:
        (found,) = [each for each in await examine_database(database, "posts_service") if "in use" in each.says]
        return int(found.says.split()[0])

    async with AsyncExitStack() as stack:
        for _ in range(7):
            connection = await asyncpg.connect(databases.auth)
            stack.push_async_callback(connection.close)
        assert await count() >= 8
