"""What the tests of both services share: one real PostgreSQL, with a database for each."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.postgres import DatabaseUrls, running_postgres


@pytest.fixture(scope="session")
def databases() -> Iterator[DatabaseUrls]:
    """Give the URLs of two empty databases."""
    # Not pytest's own directory: it closes that to all other users, and PostgreSQL runs as one.
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as directory,
        running_postgres(Path(directory), durable=False) as postgres,
    ):
        yield postgres.urls


@pytest.fixture(scope="session")
def auth_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the auth service's database."""
    return databases.auth


@pytest.fixture(scope="session")
def posts_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the posts service's database."""
    return databases.posts
