"""Two databases in one server: each role opens its own, and nothing else."""

import pytest

from tests.support.containers import CommandFailed, Containers

PASSWORDS = {
    "auth": "development-only-auth",
    "posts": "development-only-posts",
    "postgres": "forgotten-at-the-first-start",
}


def open_database(containers: Containers, role: str, database: str, password: str) -> str:
    """Connect over TCP, as a service does; returns who is where, or raises CommandFailed."""
    url = f"postgresql://{role}:{password}@127.0.0.1/{database}"
    return containers.execute("postgres", "psql", url, "-tAc", "SELECT current_user || ' in ' || current_database()")


@pytest.mark.parametrize("role", ["auth", "posts"])
def test_a_role_opens_its_own_database(containers: Containers, role: str) -> None:
    """Each role opens its database with its password, and not with another."""
    assert open_database(containers, role, role, PASSWORDS[role]).strip() == f"{role} in {role}"
    with pytest.raises(CommandFailed, match="password authentication failed"):
        open_database(containers, role, role, "another password")


@pytest.mark.parametrize(
    ("role", "database"),
    [("auth", "posts"), ("posts", "auth"), ("auth", "postgres"), ("posts", "template1"), ("postgres", "auth")],
)
def test_no_other_database_opens(containers: Containers, role: str, database: str) -> None:
    """A role with its right password opens no other database, and the superuser none over the network."""
    with pytest.raises(CommandFailed, match=r"no pg_hba\.conf entry"):
        open_database(containers, role, database, PASSWORDS[role])


def test_the_privileges_say_the_same(containers: Containers) -> None:
    """Would pg_hba.conf let it pass, the role would still lack the privilege to connect."""
    question = """SELECT r.rolname || ' ' || d.datname FROM pg_roles r, pg_database d
        WHERE r.rolname IN ('auth', 'posts') AND d.datallowconn
        AND has_database_privilege(r.oid, d.oid, 'CONNECT') ORDER BY 1"""
    answer = containers.execute("postgres", "psql", "--username", "postgres", "-tAc", question)
    assert answer.split("\n")[:-1] == ["auth auth", "posts posts"]
