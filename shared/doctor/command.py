"""``python -m SERVICE doctor``: look at a service's settings, and at all that it depends on, and say what to do.

It is started where the service runs, with the same settings, and changes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from shared.command_line.arguments import Commands, Verbs, add_verb
from shared.command_line.exit_statuses import ExitStatus
from shared.doctor.findings import Finding, is_sound, ok, problem, warning, write_findings
from shared.observing.logs import set_up_logs
from shared.settings import Settings, SettingsInvalid, SettingsType, load_settings

COMMAND = "doctor"
MEANING = "look at the settings, and at all that the service depends on; status 1 if there is a problem"

Examine = Callable[[SettingsType], Coroutine[Any, Any, Sequence[Finding]]]


def build_doctor(service: str, settings_type: type[SettingsType], examine: Examine[SettingsType]) -> Commands:
    """Return the command of a service, which ``examine`` looks at once its settings can be read."""
    return Commands(_add, partial(_run, service, settings_type, examine))


def _add(nouns: Verbs) -> None:
    add_verb(nouns, COMMAND, MEANING)


def _run(
    service: str, settings_type: type[SettingsType], examine: Examine[SettingsType], call: argparse.Namespace
) -> int:
    set_up_logs(service, "ERROR", "text")
    try:
        settings = load_settings(settings_type)
    except SettingsInvalid as error:
        findings = [problem("settings", str(error), "correct them; the service does not start with them")]
    else:
        findings = [_judge_settings(settings), *asyncio.run(examine(settings))]
    sys.stdout.write(write_findings(service, findings, is_json=call.json) + "\n")
    return ExitStatus.DONE if is_sound(findings) else ExitStatus.FAILED


def _judge_settings(settings: Settings) -> Finding:
    if settings.environment == "development":
        what = f"read, for development: published secrets are accepted; NEXTAUTH_URL is {settings.nextauth_url}"
        return warning("settings", what, "set ENVIRONMENT=production before anybody else uses this")
    return ok("settings", f"read, for production; NEXTAUTH_URL is {settings.nextauth_url}")
