"""Asks the auth service for authors that no token has named yet.

A list never fails for want of an author's name: where the auth service is away, the author is left out. What could not
be found is remembered for a moment, so that a missing author does not become a call for every read.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import BaseModel, TypeAdapter, ValidationError

from posts_service.authors import Author, upsert_authors
from posts_service.posts import Post
from shared.database import Database
from shared.errors import Unavailable
from shared.service_calls import ServiceClient

PAUSE = 10.0  # seconds until an author that was not found is asked for again
MOST_AT_ONCE = 100
MOST_REMEMBERED = 10_000


class _User(BaseModel):
    id: int
    name: str
    email: str


_USERS = TypeAdapter(list[_User])


class AuthorLookup:
    """Finds unknown authors and stores them."""

    def __init__(self, auth_service: ServiceClient, database: Database) -> None:
        self._auth_service = auth_service
        self._database = database
        self._not_found: dict[int, float] = {}

    async def complete(self, posts: Sequence[Post]) -> list[Post]:
        """Return the posts with the authors that could be found. No database connection may be held meanwhile."""
        unknown = self._leave_out_recent({post.author_id for post in posts if post.author is None})
        found = await self._find(unknown[:MOST_AT_ONCE]) if unknown else {}
        return [replace(post, author=post.author or found.get(post.author_id)) for post in posts]

    async def _find(self, author_ids: Sequence[int]) -> dict[int, Author]:
        authors: list[Author] = []
        try:
            answer = await self._auth_service.get_json("/internal/users", {"ids": ",".join(map(str, author_ids))})
            authors = [Author(user.id, user.name, user.email) for user in _USERS.validate_python(answer)]
            async with self._database.connection() as connection:
                await upsert_authors(connection, authors)
        except (Unavailable, ValidationError):
            pass  # reads go on without the names; the call itself has logged why
        found = {author.id: author for author in authors}
        self._remember(set(author_ids) - set(found))
        return found

    def _leave_out_recent(self, author_ids: Iterable[int]) -> list[int]:
        now = time.monotonic()
        return sorted(author_id for author_id in author_ids if self._not_found.get(author_id, 0.0) <= now)

    def _remember(self, author_ids: Iterable[int]) -> None:
        if len(self._not_found) > MOST_REMEMBERED:
            self._not_found.clear()
        self._not_found.update(dict.fromkeys(author_ids, time.monotonic() + PAUSE))
