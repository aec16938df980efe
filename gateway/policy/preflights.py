"""Preflights: a browser asks whether a page of another origin may send a request (Fetch, section 3.2.2). Pure.

The question names the method, and comes without the request's cookies and headers. Which rule with conditions will
decide can't be told from it, so all rules that may have to say the same. Where they don't, or none has ``cors``, it is
an OPTIONS like any other, and the browser takes that for a no.
"""

from typing import NamedTuple

from gateway.messages.raw_headers import RawHeader, find_host_name
from gateway.policy.cors import find_announced_method
from gateway.policy.rules import Policy, Rule


class PreflightAnswer(NamedTuple):
    """The methods to be named in ``Allow``, and the headers of CORS."""

    methods: frozenset[str]
    headers: tuple[RawHeader, ...]


def find_preflight_answer(policy: Policy, path: str, headers: tuple[RawHeader, ...]) -> PreflightAnswer | None:
    """Return the answer to a preflight for a canonical path; None where it is none, or an OPTIONS like any other."""
    method = find_announced_method(headers)
    rules = _list_deciding(policy, path, method, find_host_name(headers)) if method is not None else []
    if not rules or rules[0].cors is None or any(rule.cors != rules[0].cors for rule in rules):
        return None
    methods = frozenset.intersection(*(rule.methods for rule in rules))
    return PreflightAnswer(methods | {"OPTIONS"}, rules[0].cors.write_preflight(methods, headers))


def _list_deciding(policy: Policy, path: str, method: str, host: str | None) -> list[Rule]:
    """Return the rules that may decide such requests: those with conditions, up to the first without."""
    found: list[Rule] = []
    for rule, _, _ in policy.list_candidates(path):
        if method in rule.methods and rule.is_about(host):
            found.append(rule)
            if not rule.is_narrowed:
                break
    return found
