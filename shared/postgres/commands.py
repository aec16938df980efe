"""A command for operators on a service's database, while the service may be running or not."""

import asyncio

from shared.errors import Conflict, Unavailable
from shared.postgres.database import Database
from shared.postgres.epoch_watch import EpochWatch

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
