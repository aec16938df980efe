"""``python -m SERVICE migrate``, as a process of its own."""

import os
import subprocess
import sys

import asyncpg
import pytest

from stack.postgres import DatabaseUrls
from tests.support.running_stack import ROOT

SERVICES = {"auth_service": ("AUTH_DATABASE_URL", "users"), "posts_service": ("POSTS_DATABASE_URL", "posts")}


def migrate(service: str, **settings: str) -> tuple[int, str]:
    """Return the exit status, and the text on standard error."""
    command = [sys.executable, "-m", service, "migrate"]
    environment = {"PATH": os.defpath, "LOG_LEVEL": "ERROR", **settings}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("service", SERVICES)
async def test_the_schema_is_brought_up_to_date(databases: DatabaseUrls, service: str) -> None:
    """With its database URL, and no key of any kind, a service's tables are created; a repeat changes nothing."""
    setting, table = SERVICES[service]
    url = databases.auth if service == "auth_service" else databases.posts
    assert migrate(service, **{setting: url}) == (0, "")
    assert migrate(service, **{setting: url}) == (0, "")
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
    assert (status, said) == (1, f"{service} does not migrate: the database can't be reached: ConnectionRefusedError\n")
    assert migrate(service) == (2, f"{service} does not migrate: {setting}: is missing\n")


def test_posts_has_no_other_word() -> None:
    """An argument that the posts service does not know ends with a line of usage."""
    ended = subprocess.run(
        [sys.executable, "-m", "posts_service", "migrates"], cwd=ROOT, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, b"usage: python -m posts_service [migrate | import FILE]\n")
