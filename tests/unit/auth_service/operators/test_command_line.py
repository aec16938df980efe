"""The command line as a whole: what there is stands in ``docs/operations.md``; a wrong call, and a version."""

import argparse
import os
import re
import subprocess
import sys

import pytest

from auth_service.__main__ import DOCTOR, MIGRATE
from auth_service.operators.command_line import COMMANDS
from posts_service.operators.command_line import COMMANDS as OF_POSTS
from shared.command_line.arguments import Commands, VerbsOfVerb
from shared.command_line.dispatch import build_command_line
from shared.observing.version import VERSION
from tests.support.house import ROOT

SERVICES = ("auth_service", "posts_service", "gateway")


def list_commands(parser: argparse.ArgumentParser) -> list[str]:
    """Return the commands of a parser: ``user list``, and so on."""
    nouns = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    if not nouns:
        return [""]
    found = [
        f"{name} {rest}".strip()
        for noun in nouns
        for name, below in noun.choices.items()
        for rest in list_commands(below)
    ]
    return found if nouns[0].required else ["", *found]


def test_each_command_is_documented() -> None:
    """The page's tables name every command."""
    page = (ROOT / "docs/operations.md").read_text()
    part = page[page.index("## The command line") : page.index("## When a user needs help")]
    commands = list_commands(build_command_line("auth_service", (COMMANDS, MIGRATE, DOCTOR))[0])
    assert {"user export", "session end", "audit", "audit prune", "migrate", "doctor"} <= set(commands)
    assert [command for command in commands if not re.search(rf"`{command}[` ]", part)] == []


@pytest.mark.parametrize(
    ("service", "commands"), [("auth_service", (COMMANDS, MIGRATE, DOCTOR)), ("posts_service", (OF_POSTS,))]
)
def test_no_option_ahead_of_a_verb_is_ignored(service: str, commands: tuple[Commands, ...]) -> None:
    """A word that has verbs below it has no options of its own, or refuses those that are not for the verb."""
    parsers = [build_command_line(service, commands)[0]]
    for parser in parsers:
        actions = parser._actions  # noqa: SLF001
        below = [action for action in actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
        parsers += [each for action in below for each in action.choices.values()]
        options = {action.dest for action in actions if action not in below} - {"help", "version"}
        assert not below or not options or isinstance(below[0], VerbsOfVerb)
    assert len(parsers) > len(commands)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("words", "status", "printed"),
    [
        (["--version"], 0, rf"{{service}} {re.escape(VERSION)}, commit \w+\n"),
        (["--no-such"], 2, "usage: python -m {service}"),
    ],
)
def test_versions_and_wrong_calls(service: str, words: list[str], status: int, printed: str) -> None:
    """Each service says its release and commit, and ends with 2 for an argument that it does not know."""
    ended = subprocess.run(
        [sys.executable, "-m", service, *words],
        cwd=ROOT,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status
    assert re.match(printed.format(service=service), ended.stdout or ended.stderr)
