"""The parts of the running posts service, built once from its settings and found by every endpoint."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from starlette.requests import HTTPConnection

from posts_service.fast.list_source import WRITE_SETTINGS, ListSource
from posts_service.settings import PostsMigrationSettings, PostsSettings
from posts_service.tables.post_lists import (
    AuthorsList,
    FeedList,
    PostList,
    list_by_authors,
    list_feeds,
    list_long_by_author,
    list_long_feed,
)
from posts_service.tables.posts import find_highest_post_id
from shared import users_copy
from shared.fast.coalesced_reads import CoalescedReads, Sharing
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.resource_server import Part
from shared.settings import reveal
from shared.tokens.form_tokens import FormTokens

SERVICE = "posts_service"
MIGRATIONS = Path(__file__).parent / "tables" / "migrations"

LONG_ONES = Sharing(most=1, at_once=4, patience=0.0)

List = TypeVar("List", AuthorsList, FeedList)


@dataclass(frozen=True, slots=True)
class Parts:
    """What endpoints work with."""

    public_url: str
    database: Database
    epoch_watch: EpochWatch
    standby: Database | None
    list_source: ListSource
    author_lists: CoalescedReads[AuthorsList, PostList | None]
    feed_lists: CoalescedReads[FeedList, PostList | None]
    long_author_lists: CoalescedReads[AuthorsList, PostList]
    long_feeds: CoalescedReads[FeedList, PostList]
    form_tokens: FormTokens
    answers_kept_for: dt.timedelta

    @classmethod
    def build(cls, settings: PostsSettings, metrics: Metrics, sharing: Sharing) -> Self:
        """Return the parts that the settings ask for; nothing is connected yet."""
        database, standby = open_database(settings), _open_standby(settings)
        list_source = ListSource(database, standby, metrics)
        service_secret = settings.service_secret.get_secret_value()
        return cls(
            public_url=settings.nextauth_url,
            database=database,
            epoch_watch=EpochWatch(database, "posts", find_highest_post_id),
            standby=standby,
            list_source=list_source,
            author_lists=_coalesce(list_source, list_by_authors, sharing),
            feed_lists=_coalesce(list_source, list_feeds, sharing),
            long_author_lists=_one_by_one(list_source, list_long_by_author),
            long_feeds=_one_by_one(list_source, list_long_feed),
            form_tokens=FormTokens(service_secret, reveal(settings.service_secret_previous)),
            answers_kept_for=dt.timedelta(hours=settings.idempotency_retention_hours),
        )

    @property
    def running(self) -> list[Part]:
        """What starts and stops with the service, beside what every service has."""
        return [self.epoch_watch, *([self.standby] if self.standby is not None else [])]


def open_database(settings: PostsSettings | PostsMigrationSettings) -> Database:
    """Return the service's database, not connected yet."""
    has_standby = isinstance(settings, PostsSettings) and settings.posts_replica_url is not None
    url = settings.posts_database_url.get_secret_value()
    # Its own come first: they made the copy of users before other services could have it.
    return Database(url, [MIGRATIONS, users_copy.MIGRATIONS], SERVICE, WRITE_SETTINGS if has_standby else None)


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the service that a request came to."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def _open_standby(settings: PostsSettings) -> Database | None:
    url = settings.posts_replica_url
    return Database(url.get_secret_value(), (), SERVICE) if url is not None else None


def _coalesce(
    source: ListSource,
    list_all: Callable[[Connection, Sequence[List]], Awaitable[Sequence[PostList | None]]],
    sharing: Sharing,
) -> CoalescedReads[List, PostList | None]:
    """Return reads of lists that share queries; a query is as heavy as it has posts to read."""

    async def ask(asked: Sequence[List]) -> Sequence[PostList | None]:
        return await source.read(lambda connection: list_all(connection, asked))

    return CoalescedReads(ask, lambda one: one.limit, sharing)


def _one_by_one(
    source: ListSource, list_one: Callable[[Connection, List], Awaitable[PostList]]
) -> CoalescedReads[List, PostList]:
    """Return reads of long lists: so few at a time that their pages are never much together; equal ones are one."""

    async def ask(asked: Sequence[List]) -> Sequence[PostList]:
        [one] = asked
        return [await source.read(lambda connection: list_one(connection, one))]

    return CoalescedReads(ask, lambda _: 1, LONG_ONES)
