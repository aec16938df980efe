"""``python -m SERVICE migrate``, as a process of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import pytest

from stack.postgres import DatabaseUrls
from tests.support.own_postgres import own_postgres
from tests.support.running_stack import ROOT

SERVICES = {"auth_service": ("AUTH_DATABASE_URL", "users"), "posts_service": ("POSTS_DATABASE_URL", "posts")}


@pytest.fixture(scope="module")
def databases() -> Iterator[DatabaseUrls]:
    """Give the URLs of two empty databases that no running service uses: their tables are dropped here."""
    with own_postgres() as urls:
        yield urls


def migrate(service: str, *words: str, **settings: str) -> tuple[int, str]:
    """Return the exit status, and what was written: on standard error, or where that is empty, on standard output."""
    command = [sys.executable, "-m", service, "migrate", *words]
    environment = {"PATH": os.defpath, "LOG_LEVEL": "ERROR", **settings}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr or ended.stdout


@pytest.mark.parametrize("service", SERVICES)
async def test_the_schema_is_brought_up_to_date(databases: DatabaseUrls, service: str) -> None:
    """With its database URL, and no key of any kind, a service's tables are created; a repeat changes nothing."""
    setting, table = SERVICES[service]
    url = databases.auth if service == "auth_service" else databases.posts
    assert migrate(service, **{setting: url}) == (0, "")
    assert migrate(service, **{setting: url}) == (0, "")
    assert migrate(service, "--check", **{setting: url}) == (0, "state    up to date\n")
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT to_regclass($1)::text", table) == table
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
def test_what_can_not_be_done_is_one_sentence(service: str) -> None:
    """A missing database ends with status 1, a missing setting with 2, each with one line that says so."""
    setting, _ = SERVICES[service]
    status, said = migrate(service, **{setting: "postgresql://nobody:nothing@127.0.0.1:1/none"})
    assert (status, said) == (
        1,
        f"{service} does not migrate: {setting}: nothing listens at 127.0.0.1:1: start it, or correct host and port\n",
    )
    no_name = migrate(service, "--check", **{setting: "postgresql://nobody:nothing@db..internal/none"})
    assert no_name[0] == 1
    assert f"{setting}: the name of db..internal:5432 can't be looked up: correct it" in no_name[1]
    unreachable = {setting: "postgresql://nobody:nothing@127.0.0.1:1/none"}
    assert migrate(service, "--check", **unreachable)[0] == 1
    assert migrate(service, "--chek", **unreachable)[0] == 2
    assert migrate(service) == (2, f"{service} does not migrate: {setting}: is missing\n")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_schema_is_only_looked_at(databases: DatabaseUrls, service: str) -> None:
    """``--check`` says what is lacking (4), or that a newer release has been here (5), and changes nothing."""
    setting, _ = SERVICES[service]
    url = databases.auth if service == "auth_service" else databases.posts
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP SCHEMA public CASCADE")
        await connection.execute("CREATE SCHEMA public")
        status, said = migrate(service, "--check", "--json", **{setting: url})
        found = json.loads(said)
        assert (status, found["state"], found["unknown"]) == (4, "behind", [])
        assert found["lacking"][0].startswith("0001-")
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0

        assert migrate(service, **{setting: url}) == (0, "")
        last = found["lacking"][-1]
        await connection.execute("DELETE FROM _pogo_migration WHERE migration_id = $1", last)
        assert migrate(service, "--check", **{setting: url}) == (4, f"state    behind\nlacking  {last}\n")

        newer = "INSERT INTO _pogo_migration VALUES ('', '9999-newer', now(), 'public')"
        await connection.execute(newer)
        said = f"state    ahead\nlacking  {last}\nunknown  9999-newer\n"
        assert migrate(service, "--check", **{setting: url}) == (5, said)
    finally:
        await connection.execute("DROP SCHEMA public CASCADE")
        await connection.execute("CREATE SCHEMA public")
        await connection.close()


def test_posts_has_no_other_word() -> None:
    """A word that the posts service does not know ends with 2, the usage, and the words that there are."""
    ended = subprocess.run(
        [sys.executable, "-m", "posts_service", "migrates"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: python -m posts_service ")
    assert {"migrates", "migrate", "import", "user", "doctor"} <= set(re.findall(r"\w+", ended.stderr.splitlines()[-1]))
