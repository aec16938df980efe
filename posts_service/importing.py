"""``python -m posts_service import FILE``: posts of another system, for operators.

A line is ``{"key", "author", "title", "content"?, "published"?, "createdAt"?, "updatedAt"?}``: the key is what the
other system calls the post, the author an e-mail address.

1. A key is imported once: again it is left as it is, even if its author has changed or deleted the post since.
2. Authors are found in this service's copy of users. One whom it does not know yet may still be on the way: the command
   waits as long as the copy goes on, and ``PATIENCE`` more. A post without a known author is named and skipped.

Exit status: as in ``shared/postgres/commands.py``.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from posts_service.parts import SERVICE, open_database
from posts_service.schemas import Content, Title
from posts_service.settings import PostsMigrationSettings
from posts_service.tables.imported_posts import ImportedPost, insert_imported_posts, list_imported_keys
from posts_service.tables.posts import get_highest_post_id
from shared.errors import AppError
from shared.importing import (
    STANDARD_INPUT,
    Importer,
    Line,
    Moment,
    Stored,
    Tally,
    import_lines,
    keep_first,
    read_members,
)
from shared.observing.logs import set_up_logs
from shared.postgres.commands import DONE, SKIPPED, complain, prepare
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.settings import SettingsInvalid, load_settings
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


def main(arguments: Sequence[str]) -> int:
    """Import a file, print what became of it, and return the exit status."""
    call = _build_parser().parse_args(arguments)
    set_up_logs(SERVICE, "ERROR", "text")
    try:
        tally = asyncio.run(_run(load_settings(PostsMigrationSettings), call.file, is_dry=call.dry_run))
    except (SettingsInvalid, AppError) as error:
        return complain(error)
    found = {**asdict(tally), "state": "would be imported" if call.dry_run else "imported"}
    lines = "\n".join(f"{name:<9} {value}" for name, value in found.items())
    sys.stdout.write(f"{json.dumps(found) if call.json else lines}\n")
    return SKIPPED if tally.skipped else DONE


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


async def _run(settings: PostsMigrationSettings, file: str, *, is_dry: bool) -> Tally:
    database = open_database(settings)
    posts = PostImport(database, EpochWatch(database, "posts", get_highest_post_id), is_dry, PATIENCE)
    try:
        await prepare(database, posts.epoch_watch, SERVICE)
        importer = Importer(
            lambda line: read_members(PostLine, line), "key", lambda line: line.key, LONGEST_LINE, posts.store
        )
        return await import_lines(file, importer)
    finally:
        await database.stop()


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


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {SERVICE} {COMMAND}", description="Import posts of another system, whose authors are users."
    )
    parser.add_argument("file", metavar="FILE", help=f"JSON lines; {STANDARD_INPUT}: standard input")
    parser.add_argument("--dry-run", action="store_true", help="only check and count them")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser
