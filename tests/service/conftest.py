"""What the tests of both services share: one real PostgreSQL, with a database for each."""

from collections.abc import Iterator

import pytest

from shared.auth_events import follower
from shared.postgres import housekeeping
from shared.tokens import published_keys
from stack.postgres import DatabaseUrls
from tests.support.own_postgres import own_postgres
from tests.support.remembered_hashes import remembering_hashes


@pytest.fixture(scope="module", autouse=True)
def remembered_hashes() -> Iterator[None]:
    """Compute no hash twice; what is computed elsewhere is as ever."""
    with remembering_hashes():
        yield


@pytest.fixture(scope="module", autouse=True)
def start_at_once() -> Iterator[None]:
    """Let a service start at once, whether or not the test has an auth service for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower, "START_TIMEOUT", 0.2)
        patch.setattr(published_keys, "START_TIMEOUT", 0.2)
        yield


@pytest.fixture(autouse=True)
def no_housekeeping_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a service's housekeeping do nothing of its own accord while a test counts rows."""
    monkeypatch.setattr(housekeeping, "IDLE_PAUSE", 3600.0)


@pytest.fixture(scope="session")
def databases() -> Iterator[DatabaseUrls]:
    """Give the URLs of two empty databases."""
    with own_postgres() as urls:
        yield urls


@pytest.fixture(scope="session")
def auth_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the auth service's database."""
    return databases.auth


@pytest.fixture(scope="session")
def posts_database_url(databases: DatabaseUrls) -> str:
    """Give the URL of the posts service's database."""
    return databases.posts
