"""The requests that stand for all those for one region of paths, and what ``decide`` says of each.

The gateway's own function is asked, once for every method and every choice of values that conditions tell apart.
"""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from gateway.messages.raw_headers import find_host_name
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.choice import RequestFacts
from gateway.policy.decision import Decision, decide
from gateway.policy.methods import UsualMethod
from gateway.policy.rules import Policy, Rule
from gateway.proving.conditions import (
    Alternatives,
    Choice,
    is_realized,
    list_alternatives,
    list_choices,
    write,
)
from gateway.proving.rulings import make_request
from gateway.proving.situations import Sender
from shared.tokens.authentication import Caller

METHODS: tuple[str, ...] = get_args(UsualMethod)
NOBODY = Sender().as_caller()
SOMEBODY = Sender(roles=frozenset()).as_caller()
"""A signed-in caller without any role."""


class Example(NamedTuple):
    """A request, and who sends it."""

    request: RequestFacts
    caller: Caller


class Case(NamedTuple):
    """A plain request, the values chosen for it, and what each policy decides where nobody is signed in."""

    request: RequestFacts
    choice: Choice
    decisions: tuple[Decision, ...]


class Cases(NamedTuple):
    """All cases of a path. Where ``doubts`` names something, there may be others."""

    alternatives: Sequence[Alternatives]
    cases: Sequence[Case]
    doubts: str


def list_methods(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the usual methods, and those that any of the policies names."""
    named = (rule.methods for policy in policies for rule in policy.rules)
    others = frozenset[str]().union(*named) - set(METHODS)
    return (*METHODS, *sorted(others))


def list_cases(policies: Sequence[Policy], path: CanonicalPath) -> Cases:
    """Return all cases of a path, for some policies together."""
    rules = [each.rule for policy in policies for each in policy.list_candidates(path.text)]
    alternatives = list_alternatives(rules)
    found: list[Case] = []
    is_exhaustive = True
    for choice in list_choices(alternatives):
        plain = write(make_request(path), alternatives, choice)
        if not is_realized(plain, alternatives, choice):
            is_exhaustive = False
            continue
        if is_elsewhere(rules, find_host_name(plain.headers)):
            continue
        for method in list_methods(policies):
            request = plain._replace(method=method)
            decisions = tuple(decide(policy, request, NOBODY) for policy in policies)
            found.append(Case(request, choice, decisions))
    return Cases(alternatives, found, "" if is_exhaustive else _name_doubts(path, alternatives))


def is_elsewhere(rules: Sequence[Rule], host: str | None) -> bool:
    """Tell whether a host has nothing at a path that other hosts' rules are about."""
    return host is not None and not any(rule.is_about(host) for rule in rules)


def _name_doubts(path: CanonicalPath, alternatives: Sequence[Alternatives]) -> str:
    parts = ", ".join(str(each.part) for each in alternatives)
    return f"{path.text}: conditions on {parts} depend on one another, so not all combinations could be tried"
