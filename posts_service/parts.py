"""The parts of the running posts service, built once from its settings and found by every endpoint."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from starlette.requests import HTTPConnection

from posts_service.fast.list_source import WRITE_SETTINGS, ListSource
from posts_service.housekeeping import build_housekeeping
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
from shared.auth_events.feed import Feed
from shared.auth_events.revocation_feed import create_revocation_feed
from shared.auth_events.revocations import Revocations
from shared.fast.coalesced_reads import CoalescedReads, Sharing
from shared.observing.metrics import Metrics
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.housekeeping import Housekeeping
from shared.settings import reveal
from shared.tokens.form_tokens import FormTokens
from shared.tokens.signed import AccessTokens, KeyRing, ServiceTokens
from shared.users_copy.following import create_user_change_feed
from shared.web.health import Check
from shared.web.service_calls import ServiceClient

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
    auth_service: ServiceClient
    author_lists: CoalescedReads[AuthorsList, PostList | None]
    feed_lists: CoalescedReads[FeedList, PostList | None]
    long_author_lists: CoalescedReads[AuthorsList, PostList]
    long_feeds: CoalescedReads[FeedList, PostList]
    access_tokens: AccessTokens
    revocations: Revocations
    revocation_feed: Feed
    user_change_feed: Feed
    form_tokens: FormTokens
    housekeeping: Housekeeping

    @classmethod
    def build(cls, settings: PostsSettings, metrics: Metrics, sharing: Sharing) -> Self:
        """Return the parts that the settings ask for; nothing is connected yet."""
        service_secret = settings.service_secret.get_secret_value()
        previous = reveal(settings.service_secret_previous)
        keys = KeyRing(settings.secret_key.get_secret_value(), reveal(settings.secret_key_previous))
        database, standby = open_database(settings), _open_standby(settings)
        list_source = ListSource(database, standby, metrics)
        metrics.watch_database(database.count_borrowed)
        auth_service = ServiceClient(
            settings.auth_service_url,
            caller=SERVICE,
            callee="auth_service",
            tokens=ServiceTokens(KeyRing(service_secret, previous)),
        )
        revocations = Revocations()
        return cls(
            public_url=settings.nextauth_url,
            database=database,
            epoch_watch=EpochWatch(database, "posts", find_highest_post_id),
            standby=standby,
            list_source=list_source,
            auth_service=auth_service,
            author_lists=_coalesce(list_source, list_by_authors, sharing),
            feed_lists=_coalesce(list_source, list_feeds, sharing),
            long_author_lists=_one_by_one(list_source, list_long_by_author),
            long_feeds=_one_by_one(list_source, list_long_feed),
            access_tokens=AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl),
            revocations=revocations,
            revocation_feed=create_revocation_feed(auth_service, revocations, metrics),
            user_change_feed=create_user_change_feed(auth_service, database, metrics),
            housekeeping=build_housekeeping(database, metrics),
            form_tokens=FormTokens(service_secret, previous),
        )

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """The feeds of the auth service that are followed."""
        return self.revocation_feed, self.user_change_feed

    @property
    def remarks(self) -> dict[str, Check]:
        """What ``/readyz`` may remark: each feed's state, by its name."""
        return {"standby": self.list_source.find_remark, **{feed.name: feed.find_remark for feed in self.feeds}}

    async def start(self) -> None:
        """Begin to work: connect to the database and follow the auth service, in the background."""
        await self.database.start()
        self.epoch_watch.start()
        if self.standby is not None:
            await self.standby.start()
        for feed in self.feeds:
            feed.start()
        self.housekeeping.start()
        # Who was signed out before is to be refused from the first request on.
        await asyncio.gather(self.database.wait_a_moment(), self.revocation_feed.wait_a_moment())

    async def stop(self) -> None:
        """Let go of everything."""
        for feed in self.feeds:
            await feed.stop()
        await self.housekeeping.stop()
        await self.auth_service.close()
        await self.epoch_watch.stop()
        await self.database.stop()
        if self.standby is not None:
            await self.standby.stop()


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
