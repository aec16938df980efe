"""A PostgreSQL of a test's own, both services on it, and what an operator does: dump, restore, copy files, put back."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import uvicorn
from starlette.applications import Starlette

from auth_service.app import create_app as create_auth_app
from posts_service.app import create_app as create_posts_app
from shared.observing.metrics import Metrics
from stack.postgres import DatabaseUrls, get_programs, running_postgres
from tests.support.services import auth_settings, client_of, posts_settings, running

OVER_THE_OLD = ("--clean", "--if-exists", "--single-transaction")
OVER_THE_OLD_IN_STEPS = ("--clean", "--if-exists")
DATA_ALONE = ("--data-only",)
RECOVERY = "restore_command = 'false'\n"
TRIES = 10  # of a restore under running services
SOON = 10  # seconds in which a service has started, or has ended what it was doing


@dataclass(slots=True)
class Services:
    """Both services while they run, and clients that talk to them."""

    auth_app: Starlette
    posts_app: Starlette
    auth: httpx2.AsyncClient
    posts: httpx2.AsyncClient

    async def look(self) -> None:
        """Let both check now whether their data was put back."""
        for app in (self.auth_app, self.posts_app):
            await app.state.parts.epoch_watch.look()


@dataclass(frozen=True, slots=True)
class Installation:
    """A place for the data, and the port that the auth service has whenever it runs."""

    directory: Path
    port: int

    @contextlib.contextmanager
    def postgres(self) -> Iterator[DatabaseUrls]:
        """Give the databases of a server that runs on the data."""
        with running_postgres(self.directory, durable=False) as postgres:
            yield postgres.urls

    @contextlib.asynccontextmanager
    async def services(self, urls: DatabaseUrls) -> AsyncIterator[Services]:
        """Give both services, the auth service over HTTP for the posts service, as they run on these databases."""
        async with self.auth_alone(urls) as (auth_app, auth):
            settings = posts_settings(urls.posts, auth_service_url=f"http://127.0.0.1:{self.port}")
            async with running(create_posts_app(settings, Metrics())) as posts_app, client_of(posts_app) as posts:
                await posts_app.state.parts.database.wait_until_ready()
                yield Services(auth_app, posts_app, auth, posts)

    @contextlib.asynccontextmanager
    async def auth_alone(self, urls: DatabaseUrls) -> AsyncIterator[tuple[Starlette, httpx2.AsyncClient]]:
        """Give the auth service without the posts service."""
        app = create_auth_app(auth_settings(urls.auth), Metrics())
        async with serving(app, self.port), client_of(app) as client:
            await app.state.parts.database.wait_until_ready()
            yield app, client

    def copy_files(self, to: Path) -> None:
        """Copy the data of a server that is stopped."""
        shutil.copytree(self.directory / "postgres", to, copy_function=copy_with_owner)
        _own(to, self.directory / "postgres")

    def recover(self, settings: str) -> None:
        """Let the server finish a recovery at its next start, which begins a new timeline."""
        data = self.directory / "postgres"
        with (data / "postgresql.auto.conf").open("a") as configuration:
            configuration.write(settings)
        signal = data / "recovery.signal"
        signal.touch()
        shutil.chown(signal, data.stat().st_uid, data.stat().st_gid)

    def put_back(self, copy: Path) -> None:
        """Replace the data by a copy."""
        data = self.directory / "postgres"
        shutil.rmtree(data)
        shutil.copytree(copy, data, copy_function=copy_with_owner)
        _own(data, copy)


def copy_with_owner(source: str, target: str) -> str:
    """Copy a file with its owner."""
    shutil.copy2(source, target)
    facts = Path(source).stat()
    shutil.chown(target, facts.st_uid, facts.st_gid)
    return target


def _own(copy: Path, original: Path) -> None:
    """Give the folders of a copy the owners of the original's."""
    for folder in [original, *(path for path in original.rglob("*") if path.is_dir())]:
        facts, target = folder.stat(), copy / folder.relative_to(original)
        shutil.chown(target, facts.st_uid, facts.st_gid)
        target.chmod(facts.st_mode & 0o777)


@contextlib.asynccontextmanager
async def serving(app: Starlette, port: int) -> AsyncIterator[None]:
    """Let an application be there over HTTP, on loopback."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=SOON))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(SOON):
            while not server.started:
                assert not task.done()
                await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 2 * SOON)


async def dump(url: str, to: Path, *options: str) -> Path:
    """Write a database into a file, as ``pg_dump`` does."""
    done = await _run("pg_dump", "--format=custom", f"--file={to}", *options, f"--dbname={url}")
    assert done.returncode == 0, done.stderr
    return to


async def restore(url: str, dumped: Path, options: Sequence[str] = OVER_THE_OLD) -> None:
    """Put a database back, as ``pg_restore`` does; over the old tables again if a service locked them just then."""
    for _ in range(TRIES):
        done = await _run("pg_restore", *options, f"--dbname={url}", str(dumped))
        if "--clean" not in options or "deadlock detected" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr


async def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(get_programs() / program), *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to a database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def count_losses(database: asyncpg.Connection) -> tuple[int, int]:
    """Return how many epochs there are, and how many of them began with a loss."""
    row = await database.fetchrow("SELECT count(*) AS epochs, count(*) FILTER (WHERE is_loss) AS losses FROM epochs")
    return row["epochs"], row["losses"]
