"""A command for operators on a service's database, while the service may be running or not."""

import asyncio
import sys

from shared.command_line.exit_statuses import ExitStatus
from shared.command_line.importing import say
from shared.errors import AppError, Conflict, Invalid, Unavailable
from shared.postgres.database import Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.obstacles import DatabaseUnreachable
from shared.settings import SettingsInvalid

TIMEOUT = 10  # seconds to wait for the database
UNREACHABLE = "The database can't be reached"
OUTDATED = "The database's schema is older than this release: bring it up to date with python -m {service} migrate"


async def prepare(database: Database, epoch_watch: EpochWatch, service: str) -> None:
    """Return once the database can be worked with; Unavailable, Conflict when its schema is out of date.

    The schema is not changed, while services of the previous release may be running. The caller stops the database.
    """
    await database.start(migrates=False)
    try:
        async with asyncio.timeout(TIMEOUT):
            await database.wait_until_ready()
    except TimeoutError:
        raise Unavailable(database.start_log.obstacle or UNREACHABLE) from None
    if await _is_outdated(database):
        raise Conflict(OUTDATED.format(service=service))
    await epoch_watch.look()  # a command may be the first to run after a restore


def complain(error: SettingsInvalid | AppError) -> ExitStatus:
    """Say on standard error why a command was refused, and return its exit status."""
    sentence = say(error) if isinstance(error, Invalid) else str(error)
    sys.stderr.write(f"{sentence}\n")
    return ExitStatus.WRONG if isinstance(error, SettingsInvalid) else ExitStatus.FAILED


async def _is_outdated(database: Database) -> bool:
    try:
        return bool((await database.compare_schema()).lacking)
    except DatabaseUnreachable as error:
        raise Unavailable(str(error)) from None
