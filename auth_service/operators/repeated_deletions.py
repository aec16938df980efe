"""``user delete-again FILE``: after a restore, the users who had been deleted before it, and are back by it.

The list is that of ``deploy/postgres/deleted_users.sh``: ids, one a line. An id is never given out twice, so it means
nobody else.
"""

import argparse
import sys
from pathlib import Path

from auth_service.operators.arguments import Call, add_verb
from auth_service.parts import Parts
from shared.command_line.arguments import Verbs, read_id
from shared.command_line.importing import STANDARD_INPUT
from shared.command_line.text_tables import Record
from shared.errors import Invalid, NotFound


def add_repeated_deletions(users: Verbs) -> None:
    """Add it to the noun ``user``."""
    meaning = "delete the users of a list who are there again, after a restore"
    repeated = add_verb(users, "delete-again", meaning, delete_again)
    repeated.add_argument("file", metavar="FILE", help=f"ids, one a line; {STANDARD_INPUT}: standard input")


async def delete_again(parts: Parts, call: Call) -> Record:
    """Delete those who are there, and count them; Invalid, before anybody is deleted, when the list can't be read."""
    ids, deleted = _read_ids(call.file), 0
    for user_id in ids:
        try:
            await parts.accounts.delete(user_id, call.client)
        except NotFound:
            continue
        deleted += 1
    return {"listed": len(ids), "deleted": deleted, "not there": len(ids) - deleted}


def _read_ids(path: str) -> list[int]:
    """Return the ids of a list, each once."""
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid({path: f"can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"}) from None
    ids = dict[int, None]()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            ids |= {read_id(line.strip()): None} if line.strip() else {}
        except argparse.ArgumentTypeError as error:
            raise Invalid({f"line {number}": f"is no id ({error})"}) from None
    return list(ids)
