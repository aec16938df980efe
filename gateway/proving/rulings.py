"""What a policy says of a request, and who can tell two such rulings apart.

A ruling is the effect of the rule that decides, or the outcome where no rule does. Two rules with one effect treat all
requests alike, whatever their matchers, methods and conditions. Of two others, all situations are compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.choice import RequestFacts, choose_rule
from gateway.policy.decision import AnswerOptions, Decision, apply_rule, decide
from gateway.policy.rules import Authorization, Candidate, Condition, Policy, Rule
from gateway.policy.upstreams import Upstream
from gateway.proving.cubes import merge_points
from gateway.proving.outcomes import Outcome, outcome_of
from gateway.proving.paths import read_path
from gateway.proving.situations import NOW, ORIGIN, TOKEN, Situation, Ways
from shared.tokens.authentication import Anonymous, Caller, Reason


class Effect(NamedTuple):
    """What a rule does to a request that it decides: all that it says, but not where it applies.

    ``rule`` is the rule without that. So a word that rules learn later counts, without being named here.
    """

    rule: Rule
    upstream: Upstream | None


Clause: TypeAlias = tuple[Effect, frozenset[str], frozenset[str], frozenset[Condition], frozenset[Condition]]
"""A rule for some path, without the path: its effect, its hosts and methods, ``has`` and ``missing``."""
Ruling: TypeAlias = Effect | Outcome
"""What a policy says of a request: the effect of the rule that decides, or the outcome where none does."""


class Contrast(NamedTuple):
    """Who comes to another outcome, and how: in words, and as an example. ``how`` is empty for plain requests."""

    sender: str
    how: str
    situation: Situation
    old: Outcome
    new: Outcome


def make_request(path: CanonicalPath, method: str = "GET") -> RequestFacts:
    """Return a plain request for a path."""
    return RequestFacts(method, path, now=NOW, public_origin=ORIGIN)


def contrast(policies: Sequence[Policy], decisions: Sequence[Decision], method: str) -> list[Contrast]:
    """Return all that differs between what two policies' rules do, for which two decisions about one request stand."""
    sides = [find_candidate(policy, decision) for policy, decision in zip(policies, decisions, strict=True)]
    ways = Ways.of([side.rule for side in sides if side], method)
    prefix = max((side.rule.strip for side in sides if side), key=len, default="")  # a path has the longer one, too
    plain = make_request(read_path(prefix or "/"), method)
    found: defaultdict[tuple[Outcome, Outcome], list[Situation]] = defaultdict(list)
    for situation in ways.list_situations():
        request, caller = situation.as_possible().put_into(plain), situation.sender.as_caller()
        old, new = (
            outcome_of(apply_rule(side, request, see_caller(side.rule, request, caller)) if side else decision)
            for side, decision in zip(sides, decisions, strict=True)
        )
        if old != new:
            found[old, new].append(situation)
    return [
        Contrast(ways.describe_senders(cube[0]), ways.describe(cube), ways.choose_plainest(cube), old, new)
        for (old, new), situations in found.items()
        for cube in merge_points(situations)
    ]


def decide_as_seen(policy: Policy, request: RequestFacts, caller: Caller) -> Decision:
    """Return what happens to a request of this caller, as far as the deciding rule can tell who that is."""
    candidate = choose_rule(policy, request)
    return decide(policy, request, caller if candidate is None else see_caller(candidate.rule, request, caller))


def see_caller(rule: Rule, request: RequestFacts, caller: Caller) -> Caller:
    """Return who the caller is for a rule: nobody, where what proves it stands in a header that is not ours."""
    is_own = rule.authorization is Authorization.OWN
    return Anonymous(Reason.MISSING) if is_own and TOKEN in request.headers else caller


def find_rule(decision: Decision) -> Rule | None:
    """Return the rule that made a decision, or None where no rule did."""
    return None if isinstance(decision, AnswerOptions) else decision.rule


def find_candidate(policy: Policy, decision: Decision) -> Candidate | None:
    """Return the rule that made a decision, with its matcher and upstream, or None where no rule did."""
    if isinstance(decision, AnswerOptions) or decision.rule is None or decision.matcher is None:
        return None
    return Candidate(decision.rule, decision.matcher, policy.find_upstream(decision.rule.upstream))


def read_ruling(policy: Policy, decision: Decision) -> Ruling:
    """Return what a policy says of a request, and of all that the same rule decides."""
    candidate = find_candidate(policy, decision)
    return outcome_of(decision) if candidate is None else _read_effect(candidate)


def list_clauses(candidates: Iterable[Candidate]) -> tuple[Clause, ...]:
    """Return the rules for a path, without all that tells them apart only by name."""
    return tuple(
        (_read_effect(each), each.rule.hosts, each.rule.methods, each.rule.has, each.rule.missing)
        for each in candidates
    )


def _read_effect(candidate: Candidate) -> Effect:
    rule = candidate.rule
    nowhere = replace(rule, line=0, matchers=(), methods=frozenset(), has=frozenset(), missing=frozenset(), upstream="")
    return Effect(replace(nowhere, hosts=frozenset()), candidate.upstream)
