"""Log lines as tests read them: those about one thing, and those that nobody should ever see."""

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from tests.support.people import PASSWORD

Line = MutableMapping[str, Any]


SECRETS = {
    "a password": re.compile(re.escape(PASSWORD)),
    "a token": re.compile(r"\beyJ[\w-]{10,}\."),
    "an e-mail address": re.compile(r"[\w.+-]+@example\.com"),
    "a cookie": re.compile(r"\b(next-auth|authjs)\.[a-z-]+="),
}
GREETED = "ada@example.com"
"""Stands, with a password, in the examples by which the stack greets whoever starts it; nobody in the tests is that."""
LONGEST_QUOTE = 200  # characters


def find_secrets(log: str) -> list[str]:
    """Return the first line of each kind that no log may have: the credentials of the tests' people."""
    log = "\n".join(line for line in log.split("\n") if GREETED not in line)
    found = {kind: secret.search(log) for kind, secret in SECRETS.items()}
    return [f"{kind}: {_line_around(log, match.start())}" for kind, match in found.items() if match]


def _line_around(log: str, place: int) -> str:
    begin = log.rfind("\n", 0, place) + 1
    return log[begin : begin + LONGEST_QUOTE]


def lines_of(logs: Sequence[Line], *beginnings: str) -> list[Line]:
    """Return the lines whose event begins with one of these words; services that run beside a test write theirs too."""
    return [line for line in logs if line["event"].startswith(beginnings)]
