"""The API's lists: what is asked for, what comes, and the plain way there: rows, which the models write as JSON.

Lists are as in ``tables/posts``: newest first, those below ``before``, without authors who were deleted. In the list of
everyone an author is a name, without the e-mail address. A page ends where its contents exceed ``PAGE_BYTES``, and the
next one has the rest. Who may see what is not decided here. ``fast/shared_lists`` answers the same, byte for byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from posts_service.fast.list_source import ListSource
from posts_service.schemas import MAX_CONTENT
from posts_service.tables.posts import Post, list_by_author, list_published, list_published_by_author
from posts_service.web.answers import Answer, post_answer, public_post_answer

PAGE_BYTES = 1024 * 1024  # of contents on a page; a post that is longer by itself is a page by itself


@dataclass(frozen=True, slots=True)
class AuthorsList:
    """Asks for ``limit`` posts of an author below the id ``before``: all of them, or those that are published."""

    author_id: int
    before: int
    limit: int
    with_drafts: bool


@dataclass(frozen=True, slots=True)
class FeedList:
    """Asks for ``limit`` published posts of everyone below the id ``before``."""

    before: int
    limit: int


@dataclass(frozen=True, slots=True)
class PostList:
    """The JSON of a list; the last id on it, if more posts follow."""

    body: bytes
    last_id: int | None


class Lists(Protocol):
    """Reads lists."""

    async def of_author(self, wanted: AuthorsList) -> PostList:
        """Return a list of an author's posts."""

    async def of_everyone(self, wanted: FeedList) -> PostList:
        """Return a list of what everyone has published."""


class PlainLists:
    """Reads each list by a query of its own."""

    def __init__(self, source: ListSource) -> None:
        self._source = source

    async def of_author(self, wanted: AuthorsList) -> PostList:
        """Return a list of an author's posts."""
        list_posts = list_by_author if wanted.with_drafts else list_published_by_author
        most = wanted.limit + 1
        posts = await self._source.read(
            lambda connection: list_posts(connection, wanted.author_id, wanted.before, most, MAX_CONTENT)
        )
        return _write(posts, wanted.limit, post_answer)

    async def of_everyone(self, wanted: FeedList) -> PostList:
        """Return a list of what everyone has published."""
        most = wanted.limit + 1
        posts = await self._source.read(lambda connection: list_published(connection, wanted.before, most, MAX_CONTENT))
        return _write(posts, wanted.limit, public_post_answer)


def _write(posts: Sequence[Post], limit: int, answer: Callable[[Post], Answer]) -> PostList:
    """Return a page of ``limit`` posts; one more was asked for, to know whether another page follows."""
    page = _fill_page(posts[:limit])
    body = b"[" + b",".join(answer(post).body for post in page) + b"]"
    return PostList(body, page[-1].id if len(posts) > len(page) else None)


def _fill_page(posts: Sequence[Post]) -> Sequence[Post]:
    """Return the first posts, at least one, whose contents fit on a page together."""
    size = 0
    for number, post in enumerate(posts):
        size += len(post.content.encode())
        if number and size > PAGE_BYTES:
            return posts[:number]
    return posts
