"""The command line for operators: ``python -m auth_service user list`` and so on; ``--help`` shows all of it.

It reads the service's own settings and talks to its database; the service itself need not run. Only ``migrate``
changes the schema: looking at a list must not, while services of the previous release are running.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

from auth_service.operators.arguments import Call, Command
from auth_service.operators.audit import add_audit
from auth_service.operators.exports import add_export
from auth_service.operators.invitations import add_invitations
from auth_service.operators.letters import add_letters
from auth_service.operators.operator import build_client, name_operator
from auth_service.operators.repeated_deletions import add_repeated_deletions
from auth_service.operators.secret_keys import add_secrets, say_secrets
from auth_service.operators.services import add_services
from auth_service.operators.sessions import add_sessions
from auth_service.operators.user_rescues import add_rescues
from auth_service.operators.users import add_users
from auth_service.parts import Parts
from auth_service.settings import AuthSettings
from shared.auth_events.contract import AUTH_SERVICE
from shared.command_line.arguments import Commands, Verbs
from shared.command_line.exit_statuses import ExitStatus
from shared.command_line.printing import print_found, print_stream
from shared.errors import AppError
from shared.observing.logs import set_up_logs
from shared.observing.metrics import Metrics
from shared.postgres.commands import complain, prepare
from shared.settings import SettingsInvalid, load_settings


class OperatorSettings(AuthSettings):
    """The service's settings; the address that it listens on does not matter here."""

    port: int = 8001
    metrics_port: int = 8101


def add_commands(nouns: Verbs) -> None:
    """Add the commands of this service alone, by noun."""
    users = add_users(nouns)
    add_rescues(users)
    add_export(users)
    add_repeated_deletions(users)
    for add_noun in (add_sessions, add_audit, add_invitations, add_services, add_letters, add_secrets):
        add_noun(nouns)


def run(call: Call) -> int:
    """Run a command, print what it found, and return the exit status."""
    if call.command is None:
        say_secrets(call)
        return ExitStatus.DONE
    set_up_logs(AUTH_SERVICE, "ERROR", "text")
    try:
        settings = load_settings(OperatorSettings)
        call.client = build_client(name_operator(call.operator, settings.operator))
        call.answer = call.ask() if call.ask is not None else None  # here: in a task, Ctrl-C would wait for the answer
        return asyncio.run(_run(call.command, settings, call))
    except (SettingsInvalid, AppError) as error:
        return complain(error)


COMMANDS = Commands(add_commands, run)


async def _run(command: Command, settings: AuthSettings, call: Call) -> int:
    parts = Parts.build(settings, Metrics())
    try:
        await prepare(parts.database, parts.epoch_watch, AUTH_SERVICE)
        found = await command(parts, call)
        if isinstance(found, AsyncIterator):
            await print_stream(found, is_json=call.json)
            return ExitStatus.DONE
        print_found(found, is_json=call.json)
        is_incomplete = isinstance(found, Mapping) and found.get("skipped")
        return ExitStatus.SKIPPED if is_incomplete else ExitStatus.DONE
    finally:
        await parts.stop()
