"""The API's lists: requests, results, and the plain way between them: rows, which the models write as JSON.

Lists are as in ``tables/posts``: newest first, ids below ``before``, without deleted authors. In the list of everyone
an author is a name, without the e-mail address. A page ends where its contents would exceed ``PAGE_BYTES``, and the
next one has the rest. Who may see what is not decided here. ``fast/shared_lists`` returns the same, byte for byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from posts_service.fast.list_source import ListSource
from posts_service.schemas import MAX_CONTENT
from posts_service.tables.posts import Post, list_by_author, list_published, list_published_by_author
from posts_service.web.answers import Answer, post_answer, public_post_answer

PAGE_BYTES = 1024 * 1024  # of contents on a page; a single post that is longer is a page of its own


@dataclass(frozen=True, slots=True)
class AuthorsList:
    """A request for ``limit`` posts of an author with ids below ``before``: all, or only the published ones."""

    author_id: int
    before: int
    limit: int
    with_drafts: bool


@dataclass(frozen=True, slots=True)
class FeedList:
    """A request for ``limit`` published posts of everyone with ids below ``before``."""

    before: int
    limit: int


@dataclass(frozen=True, slots=True)
class PostList:
    """The JSON of a list; and the last id on it, if more posts follow."""

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
        posts = await self._source.read(list_posts, wanted.author_id, wanted.before, most, MAX_CONTENT)
        return _write(posts, wanted.limit, post_answer)

    async def of_everyone(self, wanted: FeedList) -> PostList:
        """Return a list of what everyone has published."""
        posts = await self._source.read(list_published, wanted.before, wanted.limit + 1, MAX_CONTENT)
        return _write(posts, wanted.limit, public_post_answer)


def _write(posts: Sequence[Post], limit: int, answer: Callable[[Post], Answer]) -> PostList:
    """Return a page of ``limit`` posts; one more was read, to know whether another page follows."""
    page = _fill_page(posts[:limit])
    body = b"[" + b",".join(answer(post).body for post in page) + b"]"
    return PostList(body, page[-1].id if len(posts) > len(page) else None)


def _fill_page(posts: Sequence[Post]) -> Sequence[Post]:
    """Return the first posts, at least one, whose contents together fit on a page."""
    size = 0
    for number, post in enumerate(posts):
        size += len(post.content.encode())
        if number and size > PAGE_BYTES:
            return posts[:number]
    return posts
