"""``python -m SERVICE``: runs the service, or with a word behind it a command for operators.

    run_service(SERVICE, VotesSettings, create_app, build_commands(SERVICE, VotesSettings, open_database))

Every service ends with the statuses of ``ExitStatus``, and knows ``--help`` and ``--version``.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence

from starlette.types import ASGIApp

from shared.command_line.arguments import Commands, build_parser
from shared.command_line.exit_statuses import ExitStatus
from shared.observing.metrics import Metrics
from shared.process.server import Protocol, serve
from shared.settings import SettingsType

DESCRIPTION = "Without a command, run the service."


def run_service(
    service: str,
    settings_type: type[SettingsType],
    create_app: Callable[[SettingsType, Metrics], ASGIApp],
    commands: Iterable[Commands],
    protocol: Protocol | None = None,
) -> None:
    """Run the command that was typed and exit with its status, or without one the service until it is told to stop."""
    if len(sys.argv) > 1:
        sys.exit(run_command(service, commands, sys.argv[1:]))
    serve(service, settings_type, create_app, protocol)


def run_command(service: str, commands: Iterable[Commands], arguments: Sequence[str]) -> int:
    """Run one command, and return its exit status; SystemExit where the call is wrong, or asks for help."""
    parser, owners = build_command_line(service, commands)
    call = parser.parse_args(arguments)
    try:
        return owners[call.noun].run(call)
    except KeyboardInterrupt:
        return ExitStatus.STOPPED


def build_command_line(
    service: str, commands: Iterable[Commands]
) -> tuple[argparse.ArgumentParser, dict[str, Commands]]:
    """Return the parser of all commands, and by the first word of each whose it is."""
    parser, owners = build_parser(service, DESCRIPTION), dict[str, Commands]()
    nouns = parser.add_subparsers(metavar="COMMAND", dest="noun", required=True)
    for each in commands:
        each.add(nouns)
        owners.update({noun: each for noun in nouns.choices if noun not in owners})
    return parser, owners
