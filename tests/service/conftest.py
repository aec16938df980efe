"""What the tests of both services share: one real PostgreSQL, with a database for each."""

from collections.abc import Iterator

import pytest

from stack.postgres import DatabaseUrls, running_postgres


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseUrls]:
    """Give the URLs of two empty databases."""
    with running_postgres(tmp_path_factory.mktemp("postgres"), durable=False) as postgres:
        yield postgres.urls


@pytest.fixture(scope="session")
def auth_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the auth service's database."""
    return databases.auth


@pytest.fixture(scope="session")
def posts_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the posts service's database."""
    return databases.posts
