"""The layout of a service's command line, and readers for the types of its arguments.

Each reader raises ArgumentTypeError, with a sentence that says what would be valid.
"""

import argparse
import contextlib
import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from shared.observing.version import UNKNOWN, VERSION, find_commit
from shared.tokens.signed import MAX_ID

MOST = 1000  # lines
USUAL = "50"  # a text, which argparse reads as if it had been typed: so what was typed is told from it
MOST_DAYS = 36_500
LONGEST_ADDRESS = 320  # characters
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9]\d{0,5})([smhd])")

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands of a service: ``add`` lays them out, ``run`` runs a call of any of them and returns the exit status."""

    add: Callable[[Verbs], None]
    run: Callable[[argparse.Namespace], int]


class VerbsOfVerb(argparse._SubParsersAction):  # type: ignore[type-arg]  # noqa: SLF001 - the same
    """Verbs below a verb that also stands alone, whose options are not theirs.

    One that is given ahead of them ends the call, instead of being ignored; those of ``add_verb`` count there, too.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Parse the rest by the verb that is named."""
        name = str((values or [""])[0])
        verb: argparse.ArgumentParser = self.choices[name]
        given = [each for each, value in vars(namespace).items() if value is not parser.get_default(each)]
        foreign = [f"--{each.replace('_', '-')}" for each in given if verb.get_default(each) is not argparse.SUPPRESS]
        if foreign:
            parser.error(f"{name} does not take {', '.join(foreign)}")
        super().__call__(parser, namespace, values, option_string)


def build_parser(service: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a service's command line, which has ``--version``; a call that is wrong ends with 2."""
    parser = argparse.ArgumentParser(prog=f"python -m {service}", description=description, allow_abbrev=False)
    parser.add_argument(
        "--version", action="version", version=f"{service} {VERSION}, commit {find_commit() or UNKNOWN}"
    )
    return parser


def add_noun(nouns: Verbs, name: str, meaning: str) -> Verbs:
    """Add a subject to the command line, for its verbs."""
    return nouns.add_parser(name, help=meaning, allow_abbrev=False).add_subparsers(metavar="VERB", required=True)


def add_verb(verbs: Verbs, name: str, meaning: str) -> argparse.ArgumentParser:
    """Add a command that can print JSON."""
    verb = verbs.add_parser(name, help=meaning, description=meaning, allow_abbrev=False)
    verb.add_argument("--json", action="store_true", default=default_below(verbs, usual=False), help="for programs")
    return verb


def add_verbs_below(verb: argparse.ArgumentParser) -> Verbs:
    """Let a command that stands alone have verbs, too."""
    return verb.add_subparsers(metavar="[VERB]", action=VerbsOfVerb)


def default_below(verbs: Verbs, *, usual: T) -> T | str:
    """Return the default of an option that counts ahead of a verb below a verb, too: none, which would undo it."""
    return argparse.SUPPRESS if isinstance(verbs, VerbsOfVerb) else usual


def add_limit(verb: argparse.ArgumentParser) -> None:
    """Let a command print so many lines at most."""
    verb.add_argument("--limit", type=read_limit, default=USUAL, metavar="N", help=f"at most {MOST} ({USUAL})")


def _number_to(most: int, refusal: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(refusal)
        return int(text)

    return read


read_id = _number_to(MAX_ID, "an id is a positive number")
read_limit = _number_to(MOST, f"a limit is a number from 1 to {MOST}")
read_days = _number_to(MOST_DAYS, f"a number of days from 1 to {MOST_DAYS}")


def read_hours(most: int) -> Callable[[str], int]:
    """Return the reader of a number of hours."""
    return _number_to(most, f"a number of hours from 1 to {most}")


def read_user(text: str) -> int | str:
    """Return how a user is named: by their id, or by their e-mail address."""
    if "@" in text and len(text) <= LONGEST_ADDRESS:
        return text
    try:
        return read_id(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError("a user is named by their id or their e-mail address") from None


def read_moment(text: str) -> dt.datetime:
    """Return a moment that has passed: a day or a time, in UTC where no zone is said."""
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("a time is written 2026-01-31 or 2026-01-31T12:00:00+09:00") from None
    if moment > dt.datetime.now(dt.UTC):
        raise argparse.ArgumentTypeError("the time has not come yet")
    return moment


def read_past(text: str) -> dt.datetime:
    """Return a moment that has passed, as ``read_moment`` does, or as the time since then: ``90s``, ``30m``, ``2h``."""
    ago = _DURATION.fullmatch(text)
    if ago is not None:
        with contextlib.suppress(OverflowError):
            return dt.datetime.now(dt.UTC) - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return read_moment(text)
    except argparse.ArgumentTypeError as wrong:
        raise argparse.ArgumentTypeError(f"{wrong}; how long ago, 90s, 30m, 2h or 7d") from None
