"""Which command of a service runs, and with what status it ends."""

import argparse

import pytest

from shared.command_line.arguments import Commands, Verbs
from shared.command_line.dispatch import run_command
from shared.command_line.exit_statuses import ExitStatus


def build(*words: str, status: int) -> Commands:
    """Return commands that end with a status."""

    def add(nouns: Verbs) -> None:
        for word in words:
            nouns.add_parser(word, help="what it does")

    def run(_: argparse.Namespace) -> int:
        return status

    return Commands(add, run)


def interrupt(_: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    raise KeyboardInterrupt


BOTH = (build("list", "show", status=0), build("migrate", status=4))


@pytest.mark.parametrize(("word", "status"), [("list", 0), ("show", 0), ("migrate", 4)])
def test_a_word_runs_the_command_that_it_belongs_to(word: str, status: int) -> None:
    """Each word is run by those commands that added it, and their status is returned."""
    assert run_command("some_service", BOTH, [word]) == status


@pytest.mark.parametrize("words", [["lists"], ["list", "more"], ["--no-such"], []])
def test_a_wrong_call_ends_with_the_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """A call that is not understood ends with 2 and the usage."""
    with pytest.raises(SystemExit) as ended:
        run_command("some_service", BOTH, words)
    assert ended.value.code == ExitStatus.WRONG
    assert capsys.readouterr().err.startswith("usage: python -m some_service")


def test_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` names the commands of all, and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        run_command("some_service", BOTH, ["--help"])
    assert ended.value.code == ExitStatus.DONE
    assert {"list", "show", "migrate"} <= set(capsys.readouterr().out.split())


def test_an_interrupted_command_ends_as_shells_expect() -> None:
    """Ctrl-C ends a command with 130."""
    follow = Commands(build("follow", status=0).add, interrupt)
    assert run_command("some_service", [follow], ["follow"]) == ExitStatus.STOPPED
