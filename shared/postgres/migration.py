"""``python -m SERVICE migrate``: bring a service's schema up to date, and exit.

The services do so themselves when they start, under the same lock: this is for operators who want to see it succeed, or
fail, before replicas start. Exit status: 0 done, 1 not done (one sentence on standard error), 2 a setting is wrong.
"""

import asyncio
import sys
from collections.abc import Callable

from shared.observing.logs import guard_standard_error, set_up_logs
from shared.postgres.database import Database, MigrationFailed
from shared.settings import AnySettings, SettingsInvalid, load_settings

DONE, FAILED, WRONG = 0, 1, 2
COMMAND = "migrate"


def run_migration(
    service: str, settings_type: type[AnySettings], open_database: Callable[[AnySettings], Database]
) -> int:
    """Migrate once, and return the exit status."""
    writer = guard_standard_error()
    try:
        settings = load_settings(settings_type)
        set_up_logs(service, settings.log_level, settings.log_format, writer)
        asyncio.run(open_database(settings).migrate())
    except SettingsInvalid as error:
        return _complain(service, error, WRONG)
    except MigrationFailed as error:
        return _complain(service, error, FAILED)
    return DONE


def _complain(service: str, reason: Exception, status: int) -> int:
    sys.stderr.write(f"{service} does not migrate: {reason}\n")
    return status
