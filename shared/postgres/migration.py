"""``python -m SERVICE migrate``: bring a service's schema up to date, and exit; with ``--check``, only look.

The services do so themselves when they start, under the same lock: this is for operators who want to see it succeed, or
fail, before replicas start. With ``--check`` the exit status says how the schema is: ``DONE``, ``BEHIND`` or ``AHEAD``.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial

from shared.command_line.arguments import Commands, Verbs
from shared.command_line.exit_statuses import ExitStatus
from shared.observing.logs import guard_standard_error, set_up_logs
from shared.postgres.database import Database
from shared.postgres.obstacles import DatabaseUnreachable
from shared.postgres.schema import Difference, MigrationFailed
from shared.settings import AnySettings, SettingsInvalid, load_settings

COMMAND = "migrate"
MEANING = "bring the schema of the service's database up to date"


def build_migrate(
    service: str, settings_type: type[AnySettings], open_database: Callable[[AnySettings], Database]
) -> Commands:
    """Return the command of a service; the settings need no more than what says where the database is."""
    return Commands(_add, partial(_run, service, settings_type, open_database))


def _add(nouns: Verbs) -> None:
    migrate = nouns.add_parser(COMMAND, help=MEANING, description=MEANING, allow_abbrev=False)
    migrate.add_argument("--check", action="store_true", help="only look: 0 up to date, 4 behind, 5 ahead")
    migrate.add_argument("--json", action="store_true", help="with --check, for programs")


def _run(
    service: str,
    settings_type: type[AnySettings],
    open_database: Callable[[AnySettings], Database],
    call: argparse.Namespace,
) -> int:
    writer = guard_standard_error()
    try:
        settings = load_settings(settings_type)
        set_up_logs(service, settings.log_level, settings.log_format, writer)
        database = open_database(settings)
        if call.check:
            return _report(asyncio.run(database.compare_schema()), is_json=call.json)
        asyncio.run(database.migrate())
    except SettingsInvalid as error:
        return _complain(service, error, ExitStatus.WRONG)
    except (DatabaseUnreachable, MigrationFailed) as error:
        return _complain(service, error, ExitStatus.FAILED)
    return ExitStatus.DONE


def _report(difference: Difference, *, is_json: bool) -> ExitStatus:
    status, state = ExitStatus.DONE, "up to date"
    if difference.lacking:
        status, state = ExitStatus.BEHIND, "behind"
    if difference.unknown:
        status, state = ExitStatus.AHEAD, "ahead"
    found = {"state": state, "lacking": difference.lacking, "unknown": difference.unknown}
    lines = [
        f"state    {state}",
        *(f"lacking  {name}" for name in difference.lacking),
        *(f"unknown  {name}" for name in difference.unknown),
    ]
    sys.stdout.write((json.dumps(found, indent=2) if is_json else "\n".join(lines)) + "\n")
    return status


def _complain(service: str, reason: Exception, status: ExitStatus) -> ExitStatus:
    sys.stderr.write(f"{service} does not migrate: {reason}\n")
    return status
