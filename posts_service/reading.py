"""Who may read what: decided here alone, for the API and the pages.

A published post is for everybody. A draft is for its author; for everybody else it does not exist.

The API's lists (``read_``) are JSON; those of the pages (``list_``) are posts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from posts_service.lists import AuthorsList, FeedList, PostList
from posts_service.parts import Parts
from posts_service.schemas import ListQuery
from posts_service.tables.posts import Post, find_post, list_by_author, list_published, list_published_by_author
from posts_service.web.cursors import encode_cursor
from shared.errors import NotFound
from shared.tokens.authentication import Caller, User


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and the cursor of the part that follows, if one does."""

    posts: list[Post]
    next_cursor: str | None


def is_author(caller: Caller, post: Post) -> bool:
    """Tell whether the caller wrote the post."""
    return isinstance(caller, User) and caller.claims.user_id == post.author_id


async def get_visible_post(parts: Parts, caller: Caller, post_id: int) -> Post:
    """Return the post, or raise NotFound when it does not exist for the caller."""
    async with parts.database.connection() as connection:
        post = await find_post(connection, post_id)
    if post is None or not (post.published or is_author(caller, post)):
        raise NotFound
    return post


async def read_feed(parts: Parts, query: ListQuery) -> PostList:
    """Return the JSON of what everyone has published."""
    wanted = FeedList(query.before, query.limit)
    return await parts.lists.of_everyone(wanted)


async def read_posts_of(parts: Parts, author_id: int, reader: User, query: ListQuery) -> PostList:
    """Return the JSON of an author's posts: all of them for the author, only the published ones for others."""
    is_own = reader.claims.user_id == author_id
    wanted = AuthorsList(author_id, query.before, query.limit, with_drafts=is_own)
    return await parts.lists.of_author(wanted)


async def list_feed(parts: Parts, query: ListQuery, most: int) -> Page:
    """Return what everyone has published, with ``most`` characters of each content."""
    posts = await parts.list_source.read(list_published, query.before, query.limit + 1, most)
    return _make_page(posts, query.limit)


async def list_own_posts(parts: Parts, author: User, query: ListQuery, most: int) -> Page:
    """Return the caller's own posts, including drafts, with ``most`` characters of each content."""
    author_id, limit = author.claims.user_id, query.limit + 1
    posts = await parts.list_source.read(list_by_author, author_id, query.before, limit, most)
    return _make_page(posts, query.limit)


async def list_published_of(parts: Parts, author_id: int, query: ListQuery, most: int) -> Page:
    """Return what an author has published, with ``most`` characters of each content."""
    limit = query.limit + 1
    posts = await parts.list_source.read(list_published_by_author, author_id, query.before, limit, most)
    return _make_page(posts, query.limit)


def _make_page(posts: Sequence[Post], limit: int) -> Page:
    """Return a page of ``limit`` posts; one more was read, to know whether another page follows."""
    shown = list(posts[:limit])
    return Page(shown, encode_cursor(shown[-1].id) if len(posts) > limit else None)
