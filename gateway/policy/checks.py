"""What must hold between the rules of a policy before it is used. Matchers are tables, so each question has an answer.

1. Every matcher decides some path: one that earlier rules cover completely is a mistake in the order.
2. Conditions choose where a request goes, never whether it is let in. A client writes its own headers, cookies and
   query, so wherever a rule with ``has`` or ``missing`` can step aside for a later rule, that one asks for the same
   protection. (Stepping aside for no rule at all is safe: that is a 404.)

Only canonical paths count: a difference that no accepted path can show is none.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from gateway.matching.dfa import DFA, find_text
from gateway.matching.matchers import Matcher, MatcherInvalid, compile_regex
from gateway.policy.canonical_paths import CANONICAL_TEXT
from gateway.policy.rules import Policy, Rule


class RuleRefused(Exception):
    """A rule that doesn't go with the others, and why."""

    def __init__(self, rule: Rule, reason: str) -> None:
        self.rule = rule
        self.reason = reason
        super().__init__(reason)


def check_rules(policy: Policy) -> None:
    """Raise RuleRefused for the first rule that breaks a law."""
    for index, rule in enumerate(policy.rules):
        try:
            _check_reachable(policy, index)
            _check_protection(policy, index)
        except MatcherInvalid as error:
            raise RuleRefused(rule, str(error)) from None


def _check_reachable(policy: Policy, index: int) -> None:
    """Law 1."""
    rule = policy.rules[index]
    for matcher in rule.matchers:
        if _find_path([matcher], []) is None:
            raise RuleRefused(rule, f"the matcher {matcher.source} matches no path at all")
        if not any(
            _find_path([matcher], covering) is not None
            for covering in {_covering(policy, index, method, rule) for method in rule.methods}
        ):
            raise RuleRefused(
                rule, f"the matcher {matcher.source} is never reached: earlier rules decide all its paths"
            )


def _check_protection(policy: Policy, index: int) -> None:
    """Law 2, for a rule and all narrowed rules before it."""
    rule = policy.rules[index]
    for narrowed in policy.rules[:index]:
        if not narrowed.is_narrowed or narrowed.protection == rule.protection:
            continue
        path = _find_common_path(policy, index, narrowed)
        if path is not None:
            raise RuleRefused(
                rule,
                f"conditions must not change protection: {path} is decided here as {rule.access},"
                f" or on line {narrowed.line} as {narrowed.access}, by what the client sends",
            )


def _find_common_path(policy: Policy, index: int, narrowed: Rule) -> str | None:
    rule = policy.rules[index]
    for method in narrowed.methods & rule.methods:
        covering = _covering(policy, index, method, None)
        for wanted in ((ours, theirs) for ours in rule.matchers for theirs in narrowed.matchers):
            path = _find_path(wanted, covering)
            if path is not None:
                return path
    return None


def _covering(policy: Policy, index: int, method: str, rule: Rule | None) -> tuple[Matcher, ...]:
    """Return the matchers that decide before the rule at ``index`` is asked, whatever the request holds.

    An earlier rule with conditions covers ``rule`` only where these are among its own.
    """
    has, missing = (rule.has, rule.missing) if rule else (frozenset(), frozenset())
    earlier = (
        other.matchers
        for other in policy.rules[:index]
        if method in other.methods and other.has <= has and other.missing <= missing
    )
    return (*policy.never_routed, *(matcher for matchers in earlier for matcher in matchers))


def _find_path(wanted: Sequence[Matcher], unwanted: Iterable[Matcher]) -> str | None:
    """Return a shortest canonical path that all of ``wanted`` match and none of ``unwanted``, or None."""
    near = [matcher.dfa for matcher in unwanted if all(_may_meet(matcher, other) for other in wanted)]
    return find_text([_canonical(), *(matcher.dfa for matcher in wanted)], near)


def _may_meet(one: Matcher, other: Matcher) -> bool:
    return one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)


@cache
def _canonical() -> DFA:
    return compile_regex(CANONICAL_TEXT)
