"""``deploy/postgres/load.sh``, by which ``restore.sh`` puts a dump back, also one from before a migration."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import auth_service.parts
import posts_service.parts
import shared.users_copy
from shared.postgres.database import Database
from stack.postgres import DEPLOY, DatabaseUrls, get_programs
from tests.support.people import sign_in, sign_up_and_in
from tests.support.posts import write_post
from tests.support.restoring import Installation, connected, dump
from tests.support.waiting import wait_until

FOLDERS = {
    "auth": [auth_service.parts.MIGRATIONS],
    "posts": [posts_service.parts.MIGRATIONS, shared.users_copy.MIGRATIONS],
}
SOON = 60  # seconds
EXISTS = "SELECT to_regclass($1) IS NOT NULL"


@pytest.fixture
def urls(installation: Installation) -> Iterator[DatabaseUrls]:
    """Give the databases of a server that lets its superuser in, as the container's does."""
    with installation.postgres() as urls:
        data = installation.directory / "postgres"
        rules = data / "pg_hba.conf"
        rules.write_text(f"local all postgres trust\n{rules.read_text()}")
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)
        yield urls


async def load(installation: Installation, database: str, dumped: Path) -> subprocess.CompletedProcess[str]:
    """Run the script, as it is run in the container."""
    sockets = (installation.directory / "postgres" / "postmaster.pid").read_text().splitlines()[4]
    environment = {**os.environ, "PATH": f"{get_programs()}:{os.environ['PATH']}", "PGHOST": sockets}

    def run() -> subprocess.CompletedProcess[str]:
        with dumped.open("rb") as file:
            command = ["bash", DEPLOY / "load.sh", database]
            return subprocess.run(
                command, stdin=file, env=environment, capture_output=True, text=True, check=False, timeout=SOON
            )

    return await asyncio.to_thread(run)


def open_database(urls: DatabaseUrls, name: str, folders: list[Path] | None = None) -> Database:
    """Return a database with the migrations of this release, or with those of some folders."""
    return Database(urls.by_name[name], folders or FOLDERS[name], f"{name}_service")


def copy_older(name: str, to: Path) -> list[Path]:
    """Copy the migrations that there were two releases ago, so to speak: all folders' but for the last two files."""
    older: list[Path] = []
    for number, folder in enumerate(FOLDERS[name]):
        older.append(to / f"{name}-{number}")
        older[-1].mkdir()
        is_last = number == len(FOLDERS[name]) - 1
        for file in sorted(folder.glob("*.sql"))[: -2 if is_last else None]:
            shutil.copy(file, older[-1])
    return older


async def test_a_dump_from_before_a_migration(installation: Installation, urls: DatabaseUrls, folder: Path) -> None:
    """It takes the place of everything newer, so that the migrations bring it up to date, and both services serve."""
    dumps = {}
    for name in FOLDERS:
        await open_database(urls, name, copy_older(name, folder)).migrate()
        dumps[name] = await dump(urls.by_name[name], folder / f"{name}.dump")
    async with installation.services(urls) as services:
        ada = await sign_up_and_in(services.auth, "Ada")
        await write_post(services.posts, ada)
    for name, dumped in dumps.items():
        done = await load(installation, name, dumped)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
        database = open_database(urls, name)
        assert len((await database.compare_schema()).lacking) >= 2
        await database.migrate()
        assert not (await database.compare_schema()).lacking
    async with installation.services(urls) as services:
        grace = await sign_up_and_in(services.auth, "Grace")
        assert grace.id > ada.id
        await write_post(services.posts, grace)
        assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 401


async def lose_standby(installation: Installation, name: str) -> None:
    """Let each commit in a database wait for a standby that is away."""
    data = installation.directory / "postgres"
    postmaster = (data / "postmaster.pid").read_text().splitlines()
    superuser = await asyncpg.connect(host=postmaster[4], user="postgres", database=name)
    await superuser.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")  # the server of a test has it off
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("synchronous_standby_names = 'lost'\n")
    os.kill(int(postmaster[0]), signal.SIGHUP)
    await wait_until(lambda: superuser.fetchval("SHOW synchronous_standby_names"), lambda names: names == "lost")
    await superuser.close()


async def test_nothing_waits_for_a_standby_that_is_away(
    installation: Installation, urls: DatabaseUrls, folder: Path
) -> None:
    """While the standby is away, when no other write ends, a dump is put back all the same, and brought up to date."""
    await open_database(urls, "auth", copy_older("auth", folder)).migrate()
    dumped = await dump(urls.auth, folder / "auth.dump")
    await lose_standby(installation, "auth")
    done = await load(installation, "auth", dumped)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    database = open_database(urls, "auth")
    async with asyncio.timeout(SOON):
        await database.migrate()
    assert not (await database.compare_schema()).lacking


async def test_rights_stay_as_they_were(installation: Installation, urls: DatabaseUrls, folder: Path) -> None:
    """A restore changes nobody's rights: a role still opens its own database, and makes tables there, and no other."""
    await open_database(urls, "auth").migrate()
    dumped = await dump(urls.auth, folder / "auth.dump")
    rights = "SELECT datname, datacl::text FROM pg_database UNION ALL SELECT nspname, nspacl::text FROM pg_namespace"
    async with connected(urls.auth) as database:
        before = set(await database.fetch(rights))
        await database.execute("CREATE TABLE newer (id int); CREATE VIEW newest AS SELECT * FROM newer")
    for _ in range(2):
        assert (await load(installation, "auth", dumped)).returncode == 0
    async with connected(urls.auth) as database:
        assert set(await database.fetch(rights)) == before
        assert not await database.fetchval(EXISTS, "newer")
        await database.execute("CREATE TABLE own (id int)")
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(urls.auth.replace("/auth?", "/posts?"))


async def test_a_broken_dump_changes_nothing(installation: Installation, urls: DatabaseUrls, folder: Path) -> None:
    """A dump that ends too soon is refused, and who signed up is there as before."""
    async with installation.services(urls) as services:
        ada = await sign_up_and_in(services.auth, "Ada")
        dumped = await dump(urls.auth, folder / "auth.dump")
        dumped.write_bytes(dumped.read_bytes()[:-2000])
    assert (await load(installation, "auth", dumped)).returncode != 0
    async with installation.services(urls) as services:
        assert (await sign_in(services.auth, ada.email)).id == ada.id
