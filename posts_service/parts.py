"""The parts of the running posts service, built once from its settings and found by every endpoint."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import HTTPConnection

from posts_service.fast.list_source import WRITE_SETTINGS, ListSource
from posts_service.fast.shared_lists import build_lists
from posts_service.lists import Lists
from posts_service.settings import PostsMigrationSettings, PostsSettings
from posts_service.tables.posts import get_highest_post_id
from shared import users_copy
from shared.fast.coalesced_reads import Sharing
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.postgres.epoch_watch import EpochWatch
from shared.resource_server import Part
from shared.tokens.form_tokens import FormTokens

SERVICE = "posts_service"
MIGRATIONS = Path(__file__).parent / "tables" / "migrations"


@dataclass(frozen=True, slots=True)
class Parts:
    """What endpoints work with."""

    public_url: str
    database: Database
    epoch_watch: EpochWatch
    standby: Database | None
    list_source: ListSource
    lists: Lists
    form_tokens: FormTokens
    answers_kept_for: dt.timedelta
    deletions_kept_for: dt.timedelta

    @classmethod
    def build(cls, settings: PostsSettings, metrics: Metrics, sharing: Sharing) -> Self:
        """Return the parts that the settings ask for; nothing is connected yet."""
        database, standby = open_database(settings), open_standby(settings)
        list_source = ListSource(database, standby, metrics)
        if standby is not None:
            metrics.watch_database(standby, "standby")
        return cls(
            public_url=settings.nextauth_url,
            database=database,
            epoch_watch=EpochWatch(database, "posts", get_highest_post_id),
            standby=standby,
            list_source=list_source,
            lists=build_lists(list_source, sharing),
            form_tokens=FormTokens.of(settings.list_secrets(SERVICE)),
            answers_kept_for=dt.timedelta(hours=settings.idempotency_retention_hours),
            deletions_kept_for=dt.timedelta(days=settings.deletion_retention_days),
        )

    @property
    def running(self) -> list[Part]:
        """What starts and stops with the service, besides what every service has."""
        return [self.epoch_watch, *([self.standby] if self.standby is not None else [])]


def open_database(settings: PostsSettings | PostsMigrationSettings) -> Database:
    """Return the service's database, not connected yet."""
    has_standby = isinstance(settings, PostsSettings) and settings.posts_replica_url is not None
    url = settings.posts_database_url.get_secret_value()
    # Its own come first: they created the copy of users before other services could have one.
    folders, write_settings = [MIGRATIONS, users_copy.MIGRATIONS], WRITE_SETTINGS if has_standby else None
    return Database(url, folders, SERVICE, settings.pool_size, write_settings, "POSTS_DATABASE_URL")


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the service that a request came to."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def open_standby(settings: PostsSettings) -> Database | None:
    """Return the standby at which lists are read, if there is one; not connected yet."""
    if settings.posts_replica_url is None:
        return None
    url, name = settings.posts_replica_url.get_secret_value(), "POSTS_REPLICA_URL"
    return Database(url, (), SERVICE, settings.pool_size, setting=name)
