"""A PostgreSQL with empty databases, for as long as tests need it."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stack.postgres import DatabaseUrls, running_postgres


@contextlib.contextmanager
def own_postgres() -> Iterator[DatabaseUrls]:
    """Give the URLs of the two databases."""
    # Not pytest's own directory: it closes that to all other users, and PostgreSQL runs as one.
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as directory,
        running_postgres(Path(directory), durable=False) as postgres,
    ):
        yield postgres.urls
