"""A command for operators on a service's database, while the service may be running or not.

Exit status: 0 done, 1 refused or not found (one sentence on standard error), 2 the usage or a setting is wrong, 3 done
but for lines of a file, each of which is named on standard error.
"""

import asyncio
import sys

from shared.errors import AppError, Conflict, Invalid, Unavailable
from shared.importing import say
from shared.postgres.database import Database
from shared.postgres.epoch_watch import EpochWatch
from shared.settings import SettingsInvalid

DONE, REFUSED, WRONG, SKIPPED = 0, 1, 2, 3

PATIENCE = 10  # seconds to wait for the database
OUTDATED = "The database's schema is older than this release: bring it up to date with python -m {service} migrate"


async def prepare(database: Database, epoch_watch: EpochWatch, service: str) -> None:
    """Return once the database can be worked with; Unavailable, Conflict when its schema is out of date.

    The schema is not changed, while services of the previous release may be running. The caller stops the database.
    """
    await database.start(migrates=False)
    try:
        async with asyncio.timeout(PATIENCE):
            await database.wait_until_ready()
    except TimeoutError:
        raise Unavailable("The database can't be reached") from None
    if await database.list_pending():
        raise Conflict(OUTDATED.format(service=service))
    await epoch_watch.look()  # a command may be the first to run after a restore


def complain(error: SettingsInvalid | AppError) -> int:
    """Say on standard error why a command was refused, and return its exit status."""
    sentence = say(error) if isinstance(error, Invalid) else str(error)
    sys.stderr.write(f"{sentence}\n")
    return WRONG if isinstance(error, SettingsInvalid) else REFUSED
