"""``python -m posts_service import FILE`` and so on, for operators; ``--help`` shows all of it.

It needs the database alone; the service need not run.
"""

import argparse
import asyncio
from collections.abc import Mapping

from posts_service.operators.exports import add_export
from posts_service.operators.importing import add_import
from posts_service.parts import SERVICE, open_database
from posts_service.settings import PostsMigrationSettings
from posts_service.tables.posts import get_highest_post_id
from shared.command_line.arguments import Commands, Verbs, add_noun
from shared.command_line.exit_statuses import ExitStatus
from shared.command_line.printing import print_found
from shared.errors import AppError
from shared.observing.logs import set_up_logs
from shared.postgres.commands import complain, prepare
from shared.postgres.epoch_watch import EpochWatch
from shared.settings import SettingsInvalid, load_settings


def add_commands(nouns: Verbs) -> None:
    """Add the commands of this service alone."""
    add_import(nouns)
    add_export(add_noun(nouns, "user", "copies of users, and what they wrote"))


def run(call: argparse.Namespace) -> int:
    """Run a command, print what it found, and return the exit status."""
    set_up_logs(SERVICE, "ERROR", "text")
    try:
        return asyncio.run(_run(load_settings(PostsMigrationSettings), call))
    except (SettingsInvalid, AppError) as error:
        return complain(error)


COMMANDS = Commands(add_commands, run)


async def _run(settings: PostsMigrationSettings, call: argparse.Namespace) -> int:
    database = open_database(settings)
    epoch_watch = EpochWatch(database, "posts", get_highest_post_id)
    try:
        await prepare(database, epoch_watch, SERVICE)
        found = await call.command(database, epoch_watch, call)
        print_found(found, is_json=call.json)
        is_incomplete = isinstance(found, Mapping) and found.get("skipped")
        return ExitStatus.SKIPPED if is_incomplete else ExitStatus.DONE
    finally:
        await database.stop()
