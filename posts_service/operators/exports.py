"""``user export``: everything that the posts service keeps about a user, as JSON; the auth service has the rest.

The members are the tables, their members the columns. An address is looked up in this service's own copy of users.
"""

import argparse
from typing import Final

from posts_service.tables import personal_data as kept
from shared.command_line.arguments import Verbs, add_verb, read_user
from shared.command_line.printing import Document
from shared.errors import Conflict, NotFound
from shared.language.sentences import Sentence
from shared.postgres.database import Connection, Database
from shared.postgres.epoch_watch import EpochWatch
from shared.users_copy.authors import list_authors_by_email

LEFT_OUT: Final = {
    # Why a table is not part of it.
    "imported_posts": "what another system called posts; whose they are is not kept there",
    "followed_feeds": "how far this service has read",
    "epochs": "about the database itself",
}
WITHHELD: Final = {
    # Columns that are hashes, or say whose it is.
    "authors": set[str](),
    "posts": {"author_id"},
    "idempotency_keys": {"author_id", "fingerprint", "headers"},
    "removals": set[str](),
}


def add_export(users: Verbs) -> None:
    """Add it to the noun ``user``."""
    exported = add_verb(users, "export", "everything kept about a user here, as JSON")
    exported.set_defaults(command=export_user)
    exported.add_argument("user", type=read_user, metavar="ID|EMAIL")


async def export_user(database: Database, _: EpochWatch, call: argparse.Namespace) -> Document:
    """Return all that is kept about a user, as it was at one moment; NotFound, Conflict for an ambiguous address."""
    async with database.transaction() as connection:
        user_id = await _get_user_id(connection, call.user)
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = {
            "authors": await kept.export_authors(connection, user_id),
            "posts": await kept.export_posts(connection, user_id),
            "idempotency_keys": await kept.export_idempotency_keys(connection, user_id),
            "removals": await kept.export_removals(connection, user_id),
        }
    if not any(found.values()):
        raise NotFound("Nothing is kept here about a user of that id")
    return Document(found)


async def _get_user_id(connection: Connection, named: int | str) -> int:
    if isinstance(named, int):
        return named
    authors = await list_authors_by_email(connection, [named])
    exact = [author.id for author in authors if author.email == named] or [author.id for author in authors]
    if not exact:
        raise NotFound("No user of that e-mail address is known here")
    if len(exact) > 1:
        ids = ", ".join(map(str, exact))
        raise Conflict(Sentence("Several users have that e-mail address: name one by id, {ids}", ids=ids))
    return exact[0]
