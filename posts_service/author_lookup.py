"""Who wrote it? Asks the auth service for authors that the table does not know, and stores what it says.

A post without its author is better than no post, so nothing here ever fails a read: what can't be found out is left
open. And a service in trouble is not asked again and again: after a failure there is a rest, an answer is remembered
for a while, the answer "nobody" too, and one question is asked at a time.

Never called while a database connection is borrowed.
"""

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import Collection, Iterable, Sequence

import structlog
from pydantic import TypeAdapter, ValidationError

from posts_service.schemas import KnownUser
from posts_service.tables.authors import Author, upsert_authors
from posts_service.tables.posts import Post
from shared.errors import Unavailable
from shared.postgres.database import Database
from shared.web.service_calls import ServiceClient

MAX_WAIT = 2.5  # seconds that a read is held up at most
REST = 5.0  # seconds without a question after one that failed
REMEMBER = 60.0  # seconds
MAX_REMEMBERED = 1000  # authors
MOST_AT_ONCE = 100  # authors; the auth service refuses a call that names more

_USERS = TypeAdapter(list[KnownUser])

log = structlog.get_logger("author_lookup")


class AuthorLookup:
    """Completes posts by authors that only the auth service knows."""

    def __init__(self, database: Database, auth_service: ServiceClient) -> None:
        self._database = database
        self._auth_service = auth_service
        self._asking = asyncio.Lock()
        self._rests_until = 0.0  # by the monotonic clock
        self._answers: dict[int, tuple[Author | None, float]] = {}  # with the time after which it no longer counts

    async def complete(self, posts: Sequence[Post]) -> list[Post]:
        """Return the posts with their authors, as far as these can be found out."""
        unknown = {post.author_id for post in posts if post.author is None}
        if unknown:
            await self.learn(unknown)
        return [post if post.author else self._complete_one(post) for post in posts]

    async def learn(self, author_ids: Collection[int]) -> bool:
        """Ask for authors, unless that was done a while ago; tell whether any of them is known now."""
        try:
            async with asyncio.timeout(MAX_WAIT), self._asking:
                await self._learn(author_ids)
        except TimeoutError:
            log.warning("author_lookup_timed_out")
        return any(self._find_answer(author_id) for author_id in author_ids)

    def _complete_one(self, post: Post) -> Post:
        return dataclasses.replace(post, author=self._find_answer(post.author_id))

    def _find_answer(self, author_id: int) -> Author | None:
        author, _ = self._answers.get(author_id, (None, 0.0))
        return author

    async def _learn(self, author_ids: Iterable[int]) -> None:
        """Ask for those of the authors that no recent answer is known of."""
        now = time.monotonic()
        self._answers = {key: answer for key, answer in self._answers.items() if answer[1] > now}
        wanted = sorted(author_id for author_id in author_ids if author_id not in self._answers)
        if not wanted or now < self._rests_until:
            return
        self._rests_until = now + REST  # until there is an answer, however the question ends
        try:
            authors = await self._ask(wanted)
        except (Unavailable, ValidationError) as error:
            log.warning("author_lookup_failed", error=type(error).__name__)
            return
        self._rests_until = 0.0
        self._remember(wanted, authors)

    async def _ask(self, author_ids: Sequence[int]) -> list[Author]:
        """Ask for authors, however many, and store those that there are."""
        parts = [author_ids[first : first + MOST_AT_ONCE] for first in range(0, len(author_ids), MOST_AT_ONCE)]
        return [author for part in parts for author in await self._ask_at_once(part)]

    async def _ask_at_once(self, author_ids: Sequence[int]) -> list[Author]:
        asked_at = dt.datetime.now(dt.UTC)
        ids = ",".join(map(str, author_ids))
        users = _USERS.validate_python(await self._auth_service.get_json("/internal/users", {"ids": ids}))
        authors = [Author(user.id, user.name, user.email) for user in users if user.id in author_ids]
        if authors:
            async with self._database.connection() as connection:
                await upsert_authors(connection, authors, asked_at)
        return authors

    def _remember(self, author_ids: Iterable[int], authors: Iterable[Author]) -> None:
        found = {author.id: author for author in authors}
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.clear()
        until = time.monotonic() + REMEMBER
        self._answers |= {author_id: (found.get(author_id), until) for author_id in author_ids}
