"""``python -m posts_service import FILE``: posts of another system, for operators.

A line is ``{"key", "author", "title", "content"?, "published"?, "createdAt"?, "updatedAt"?}``: the key is what the
other system calls the post, the author an e-mail address.

1. A key is imported once: again it is left as it is, even if its author has changed or deleted the post since.
2. Authors are found in this service's copy of users. One whom it does not know yet may still be on the way: the command
   waits as long as the copy goes on, and ``PATIENCE`` more. A post without a known author is named and skipped.
"""

import argparse
import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from posts_service.schemas import Content, Title
from posts_service.tables.imported_posts import ImportedPost, insert_imported_posts, list_imported_keys
from shared.command_line.arguments import Verbs, add_verb
from shared.command_line.importing import (
    STANDARD_INPUT,
    Importer,
    Line,
    Moment,
    Stored,
    import_lines,
    keep_first,
    read_members,
)
from shared.command_line.text_tables import Record
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.users_copy.authors import list_authors_by_email
from shared.users_copy.followed_feeds import get_followed_feed
from shared.users_copy.following import FEED
from shared.web.schemas import Body, Text

COMMAND = "import"
LONGEST_LINE = 2_097_152  # bytes: the longest content, all of it escaped
PATIENCE = 5.0  # seconds
PAUSE = 0.2
UNKNOWN_AUTHOR = "author is not known here"


class PostLine(Body):
    """The line."""

    key: Annotated[Text, Field(min_length=1, max_length=200)]
    author: Annotated[Text, AfterValidator(str.strip), Field(max_length=320)]
    title: Title
    content: Content = ""
    published: bool = False
    created_at: Moment | None = None
    updated_at: Moment | None = None


def add_import(nouns: Verbs) -> None:
    """Add it to the command line."""
    imported = add_verb(nouns, COMMAND, "posts of another system, whose authors are users")
    imported.set_defaults(command=import_posts)
    imported.add_argument("file", metavar="FILE", help=f"JSON lines; {STANDARD_INPUT}: standard input")
    imported.add_argument("--dry-run", action="store_true", help="only check and count them")


async def import_posts(database: Database, epoch_watch: EpochWatch, call: argparse.Namespace) -> Record:
    """Import a file, and return what became of it."""
    posts = PostImport(database, epoch_watch, call.dry_run, PATIENCE)
    importer = Importer(
        lambda line: read_members(PostLine, line), "key", lambda line: line.key, LONGEST_LINE, posts.store
    )
    tally = await import_lines(call.file, importer)
    return {**asdict(tally), "state": "would be imported" if call.dry_run else "imported"}


@dataclass(slots=True)
class PostImport:
    """What stores the lines; ``patience`` is what is left of it, in seconds."""

    database: Database
    epoch_watch: EpochWatch
    is_dry: bool
    patience: float

    async def store(self, batch: Sequence[Line[PostLine]]) -> Stored[PostLine]:
        """Store posts whose keys are new."""
        await self._wait_for_authors({line.item.author for line in batch})
        return await self.epoch_watch.write(lambda: self._store(batch))

    async def _store(self, batch: Sequence[Line[PostLine]]) -> Stored[PostLine]:
        async with self.database.transaction() as connection:
            present = await list_imported_keys(connection, [line.item.key for line in batch])
            new = keep_first((line for line in batch if line.item.key not in present), lambda line: line.item.key)
            authors = await get_authors(connection, {line.item.author for line in new})
            posts = [_take(line.item, authors[line.item.author]) for line in new if line.item.author in authors]
            skipped = [(line, UNKNOWN_AUTHOR) for line in new if line.item.author not in authors]
            stored = len(posts) if self.is_dry else await insert_imported_posts(connection, posts)
        return Stored(stored, skipped)

    async def _wait_for_authors(self, emails: set[str]) -> None:
        """Return when all authors are known, or the copy of users has not gone on for so long that they won't be."""
        position = None
        while self.patience > 0 and not self.is_dry:
            async with self.database.connection() as connection:
                if len(await get_authors(connection, emails)) == len(emails):
                    return
                now_at = (await get_followed_feed(connection, FEED)).position.after
            has_moved, position = now_at != position, now_at
            begun = time.monotonic()
            await asyncio.sleep(PAUSE)
            if not has_moved:
                self.patience -= time.monotonic() - begun


async def get_authors(connection: Connection, emails: Collection[str]) -> Mapping[str, int]:
    """Return the ids of the authors that are known, by the addresses asked for, and lock them.

    An address as it is spelled goes before one that differs in case.
    """
    authors = await list_authors_by_email(connection, list(emails))
    exact = {author.email: author.id for author in reversed(authors)}
    alike = {author.email.lower(): author.id for author in reversed(authors)}
    found = {email: exact.get(email, alike.get(email.lower())) for email in emails}
    return {email: author_id for email, author_id in found.items() if author_id is not None}


def _take(line: PostLine, author_id: int) -> ImportedPost:
    return ImportedPost(
        key=line.key,
        author_id=author_id,
        title=line.title,
        content=line.content,
        published=line.published,
        created_at=line.created_at,
        updated_at=line.updated_at,
    )
