"""``user import FILE``: users of another system, with their password hashes.

An address that has a user already is left as it is, under whatever spelling. ``--dry-run`` reads, checks and counts,
and stores nothing; an address that stands in the file twice, further apart than a batch, it counts twice.
"""

from collections.abc import Sequence
from dataclasses import asdict

from auth_service.mail.addresses import email_key, list_keys
from auth_service.operators.arguments import Call
from auth_service.operators.user_lines import LONGEST_LINE, read_user_line
from auth_service.parts import Parts
from auth_service.tables.imported_users import ImportedUser, insert_imported_users
from auth_service.tables.users import list_taken_keys
from shared.command_line.importing import Importer, Line, Stored, import_lines, keep_first
from shared.command_line.text_tables import Record


async def import_users(parts: Parts, call: Call) -> Record:
    """Import the file, and return how many users came of it."""

    async def store(batch: Sequence[Line[ImportedUser]]) -> Stored[ImportedUser]:
        async def store_new() -> int:
            async with parts.database.transaction() as connection:
                spellings = [key for line in batch for key in list_keys(line.item.email)]
                new = _leave_out(batch, await list_taken_keys(connection, spellings))
                return len(new) if call.dry_run else await insert_imported_users(connection, new, call.client)

        return Stored(await parts.epoch_watch.write(store_new))

    importer = Importer(read_user_line, "email", lambda user: user.email, LONGEST_LINE, store)
    tally = await import_lines(call.file, importer)
    return {**asdict(tally), "state": "would be imported" if call.dry_run else "imported"}


def _leave_out(batch: Sequence[Line[ImportedUser]], taken: set[str]) -> list[ImportedUser]:
    """Return the users whose addresses are not taken, each address once: the first line with it counts."""
    users = [line.item for line in batch if taken.isdisjoint(list_keys(line.item.email))]
    return keep_first(users, lambda user: email_key(user.email))
