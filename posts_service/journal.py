"""What people do with posts: write, read, list, change, remove. Used by the JSON API and by the pages alike.

Who may do what:

1. A published post is for everyone; a draft is there only for its author, and NotFound for all others.
2. Only its author changes or removes a post: for others a published one is Forbidden, a draft NotFound.
3. With a condition (``If-Match``), a write happens only to the version that the caller has seen.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from posts_service.author_lookup import AuthorLookup
from posts_service.authors import Author, upsert_authors
from posts_service.idempotency import StoredAnswer, delete_old_answers, find_answer, lock_key, upsert_answer
from posts_service.posts import (
    FROM_THE_NEWEST,
    Changes,
    Post,
    delete_post,
    find_post,
    insert_post,
    list_posts_of_author,
    list_published_posts,
    update_post,
)
from posts_service.preconditions import holds_if_match
from posts_service.schemas import NewPost
from shared.database import Connection, Database
from shared.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from shared.tokens import Claims


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first; ``next_before`` is the id below which it goes on, None at its end."""

    posts: list[Post]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class Journal:
    """The use cases."""

    database: Database
    lookup: AuthorLookup

    async def write(self, claims: Claims, new: NewPost) -> Post:
        """Store a post of the caller and return it."""
        async with self.database.transaction() as connection:
            return await _insert(connection, claims, new)

    async def write_once(
        self, claims: Claims, new: NewPost, key: str, fingerprint: bytes, render: Callable[[Post], bytes]
    ) -> StoredAnswer:
        """Store a post unless the caller's key was used before, and return the one answer to that key.

        Raises Conflict while the first request still runs, Invalid when the key came with another body.
        """
        async with self.database.transaction() as connection:
            if not await lock_key(connection, claims.user_id, key):
                raise Conflict("A request with this Idempotency-Key is still running")
            stored = await find_answer(connection, claims.user_id, key)
            if stored is None:
                post = await _insert(connection, claims, new)
                stored = StoredAnswer(fingerprint, post.id, post.etag, render(post))
                await upsert_answer(connection, claims.user_id, key, stored)
                await delete_old_answers(connection)
        if stored.fingerprint != fingerprint:
            raise Invalid({"Idempotency-Key": "was used before with another body"})
        return stored

    async def read(self, post_id: int, user_id: int | None) -> Post:
        """Return a post that the caller may see, or raise NotFound."""
        async with self.database.connection() as connection:
            post = await find_post(connection, post_id)
        if post is None or not (post.published or post.author_id == user_id):
            raise NotFound
        return post if post.author else (await self.lookup.complete([post]))[0]

    async def list_published(self, limit: int, before: int = FROM_THE_NEWEST) -> Page:
        """Return a page of everyone's published posts."""
        return await self._page(
            limit, lambda connection, most: list_published_posts(connection, before=before, limit=most)
        )

    async def list_of_author(self, author_id: int, user_id: int, limit: int, before: int = FROM_THE_NEWEST) -> Page:
        """Return a page of an author's posts: with the drafts for themselves, only what is published for others."""
        drafts = author_id == user_id
        return await self._page(
            limit,
            lambda connection, most: list_posts_of_author(
                connection, author_id, drafts=drafts, before=before, limit=most
            ),
        )

    async def change(self, post_id: int, user_id: int, changes: Changes, if_match: str | None) -> Post:
        """Change a post of the caller's own and return it; PreconditionFailed when it is not the version meant."""
        post = await self._get_own(post_id, user_id)
        only_version = _read_version(post, if_match)
        async with self.database.connection() as connection:
            changed = await update_post(connection, post, changes, only_version=only_version)
        if changed is None:
            raise NotFound if only_version is None else PreconditionFailed
        return changed

    async def remove(self, post_id: int, user_id: int, if_match: str | None) -> None:
        """Remove a post of the caller's own; PreconditionFailed when it is not the version meant."""
        post = await self._get_own(post_id, user_id)
        only_version = _read_version(post, if_match)
        async with self.database.connection() as connection:
            is_gone = await delete_post(connection, post, only_version=only_version)
        if not is_gone:
            raise NotFound if only_version is None else PreconditionFailed

    async def _get_own(self, post_id: int, user_id: int) -> Post:
        post = await self.read(post_id, user_id)
        if post.author_id != user_id:
            raise Forbidden("Only its author may change a post")
        return post

    async def _page(self, limit: int, fetch: Callable[[Connection, int], Awaitable[list[Post]]]) -> Page:
        async with self.database.connection() as connection:
            posts = await fetch(connection, limit + 1)  # one more than is shown tells whether there is more
        shown = posts[:limit]
        if any(post.author is None for post in shown):
            shown = await self.lookup.complete(shown)
        return Page(shown, shown[-1].id if len(posts) > limit else None)


async def _insert(connection: Connection, claims: Claims, new: NewPost) -> Post:
    author = Author(claims.user_id, claims.name, claims.email)
    await upsert_authors(connection, [author])
    return await insert_post(connection, author, new.title, new.content, published=new.published)


def _read_version(post: Post, if_match: str | None) -> int | None:
    """Return the version that a write is bound to, None for any."""
    if if_match is None:
        return None
    if not holds_if_match(if_match, post.etag):
        raise PreconditionFailed
    return None if if_match.strip() == "*" else post.version
