"""The API's lists by shared queries that return JSON, see ``post_lists``: the same as ``PlainLists``, cheaper."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from posts_service.fast.list_source import ListSource
from posts_service.fast.post_lists import list_by_authors, list_feeds, list_long_by_author, list_long_feed
from posts_service.lists import AuthorsList, FeedList, Lists, PlainLists, PostList
from shared.fast.coalesced_reads import CoalescedReads, Sharing
from shared.fast.switch import FAST
from shared.postgres.database import Connection

LONG_ONES = Sharing(most=1, at_once=4, patience=0.0)
"""One list in a query, and so few at a time that their pages stay small in total; equal ones are one."""

List = TypeVar("List", AuthorsList, FeedList)
Found = TypeVar("Found", PostList, PostList | None)


def build_lists(source: ListSource, sharing: Sharing) -> Lists:
    """Return the reader of the API's lists."""
    return SharedLists(source, sharing) if FAST.is_on else PlainLists(source)


class SharedLists:
    """Reads lists requested at the same time by one query, and those with long posts one by one."""

    def __init__(self, source: ListSource, sharing: Sharing) -> None:
        self._by_author = _coalesce(source, list_by_authors, sharing)
        self._feeds = _coalesce(source, list_feeds, sharing)
        self._long_by_author = _coalesce(source, list_long_by_author, LONG_ONES)
        self._long_feeds = _coalesce(source, list_long_feed, LONG_ONES)

    async def of_author(self, wanted: AuthorsList) -> PostList:
        """Return a list of an author's posts."""
        return await self._by_author.read(wanted) or await self._long_by_author.read(wanted)

    async def of_everyone(self, wanted: FeedList) -> PostList:
        """Return a list of what everyone has published."""
        return await self._feeds.read(wanted) or await self._long_feeds.read(wanted)


def _coalesce(
    source: ListSource, list_all: Callable[[Connection, Sequence[List]], Awaitable[Sequence[Found]]], sharing: Sharing
) -> CoalescedReads[List, Found]:
    """Return reads of lists that share queries; a query weighs as much as it has posts to read."""

    async def ask(asked: Sequence[List]) -> Sequence[Found]:
        return await source.read(list_all, asked)

    return CoalescedReads(ask, lambda one: one.limit, sharing)
