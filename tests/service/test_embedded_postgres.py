"""The embedded PostgreSQL is as strict as the one in the container: each role opens its own database only."""

import os
import pwd
from pathlib import Path

import asyncpg
import pytest

from stack.postgres import DatabaseUrls, PostgresFailed, find_running, running_postgres


@pytest.mark.parametrize("role", ["auth", "posts"])
async def test_a_role_opens_its_own_database(databases: DatabaseUrls, role: str) -> None:
    """Each URL opens the database of its name, as the role of that name, which may create tables there."""
    connection = await asyncpg.connect(getattr(databases, role))
    try:
        row = await connection.fetchrow("SELECT current_user AS role, current_database() AS database")
        assert dict(row or {}) == {"role": role, "database": role}
        await connection.execute("CREATE TABLE of_this_test (id int); DROP TABLE of_this_test")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("role", "database"), [("auth", "posts"), ("posts", "auth"), ("auth", "postgres"), ("posts", "template1")]
)
async def test_a_role_opens_no_other(databases: DatabaseUrls, role: str, database: str) -> None:
    """With its right password a role opens no database but its own."""
    url = getattr(databases, role).replace(f"/{role}?", f"/{database}?")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(url)


async def test_a_wrong_password_opens_nothing(databases: DatabaseUrls) -> None:
    """The password counts, although the socket is the user's own."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(databases.auth.replace("development-only-auth", "another"))


@pytest.mark.skipif(pwd.getpwuid(os.geteuid()).pw_name == "postgres", reason="is the superuser's namesake")
async def test_nobody_is_superuser(databases: DatabaseUrls) -> None:
    """The superuser does not log in, whatever the password."""
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(databases.auth.replace("//auth:", "//postgres:"))


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """A data directory whose path is too long for a UNIX socket works; the socket is elsewhere."""
    deep = tmp_path / ("long" * 20)
    with running_postgres(deep, durable=False) as postgres:
        assert "long" not in postgres.urls.auth
        assert postgres.child.process.poll() is None


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """Two servers never share a data directory, and the first goes on."""
    with running_postgres(tmp_path, durable=False) as first:
        with pytest.raises(PostgresFailed, match="already"), running_postgres(tmp_path, durable=False):
            pass
        assert first.child.process.poll() is None


def test_data_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """Data that another PostgreSQL made stops the start with a sentence, and is not touched."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresFailed, match="was made by PostgreSQL 9"), running_postgres(tmp_path):
        pass
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("obstacle", ["not a directory", "not readable"])
def test_data_that_can_not_be_read_is_one_sentence(tmp_path: Path, obstacle: str) -> None:
    """Data that the system does not let us use, as when another user made it, stops the start with a sentence."""
    directory = tmp_path / "data"
    if obstacle == "not a directory":
        directory.write_text("")
    else:
        (directory / "postgres" / "PG_VERSION").mkdir(parents=True)  # unreadable for root, too
    said = r"can't be used \(.+\): start as the user who made it"
    with pytest.raises(PostgresFailed, match=said), running_postgres(directory):
        pass


async def test_a_running_server_is_found(tmp_path: Path) -> None:
    """By its data directory a server that runs is found, with its databases; one that has ended is not."""
    deep = tmp_path / ("long" * 20)
    assert find_running(deep) is None
    with running_postgres(deep, durable=False) as postgres:
        assert find_running(deep) == postgres.urls
    assert find_running(deep) is None
