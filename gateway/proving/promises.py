"""Promises about a policy, in a file beside it, and whether they hold for every request: proven, or broken by one.

    never_public   = ["/userposts/:path*"]              # no public rule decides these paths
    only_role      = { admin = ["/admin/:path*"] }      # every rule that decides them asks for the role
    same_as_nextjs = ["/userposts/:path*"]              # guarded as by next-auth in Next.js, with this matcher
    goes_to        = { posts = ["/api/posts/:path*"] }  # some rule decides each, and all lead to this upstream
    not_routed     = ["/internal/:path*"]               # no rule decides them

1. A promise is about all canonical paths of its matcher, all methods, and whatever requests hold where conditions look.
   It is kept or broken by the rules that decide, as ``decide`` chooses them.
   Where rules take other spellings (``paths``), it is about what these may be read as, too (``readings``).
2. The answer to a broken promise is a request with a shortest path that breaks it.
3. Guarded as in Next.js: to GET and HEAD anonymous callers get the sign-in page, and every signed-in caller passes;
   with other methods nobody passes anonymously. ``anonymous_forms`` counts as guarded: such a form is only shown again.
4. A promise about no path at all is a mistake, and so is a file without promises.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from gateway.matching.matchers import Matcher
from gateway.policy.file import parse_tables, read_text
from gateway.policy.rules import OWN_UPSTREAM, Access, Paths, Policy, PolicyInvalid, Rule
from gateway.policy.schema import PathMatchers
from gateway.policy.tables import Table
from gateway.proving.automata import TooComplex
from gateway.proving.cases import NOBODY, SOMEBODY, Case, Cases, Example, list_cases
from gateway.proving.paths import PathMap, Region
from gateway.proving.readings import Readings, find_spelled
from gateway.proving.rulings import find_rule
from gateway.proving.wording import describe_example, name_rule
from shared.tokens.authentication import Caller
from shared.toml_lines import KeyPath, get_line

_NAVIGATING = {"GET", "HEAD"}


class PromiseTable(Table):
    """What has to hold of a policy. Each matcher is in Next.js' syntax, as in a rule."""

    never_public: PathMatchers = Field(default_factory=list)
    """Paths that no public rule decides."""
    only_role: dict[str, PathMatchers] = Field(default_factory=dict)
    """Roles, and the paths that are open to callers with the role alone."""
    same_as_nextjs: PathMatchers = Field(default_factory=list)
    """The matcher of a Next.js project with next-auth's middleware: guarded here as there."""
    goes_to: dict[str, PathMatchers] = Field(default_factory=dict)
    """Upstreams, and the paths that all lead to them and nowhere else."""
    not_routed: PathMatchers = Field(default_factory=list)
    """Paths that no rule decides."""


class Kind(StrEnum):
    """The kinds of promise, by their words in the file."""

    NEVER_PUBLIC = "never_public"
    ONLY_ROLE = "only_role"
    SAME_AS_NEXTJS = "same_as_nextjs"
    GOES_TO = "goes_to"
    NOT_ROUTED = "not_routed"


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise about the paths of one matcher. ``word`` is the role or the upstream, if it is about one."""

    kind: Kind
    matcher: Matcher
    word: str
    line: int

    def __str__(self) -> str:
        """Return it in one line."""
        return " ".join(filter(None, (self.kind, self.word, self.matcher.source)))


class Status(StrEnum):
    """Whether a promise holds."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNDECIDED = "undecided"


class Proof(NamedTuple):
    """What is proven of a promise; where it is broken, an example that shows it, and the rule that decides, if any.

    ``remark`` says why it is undecided, or else what is true of it that may not be meant.
    """

    promise: Promise
    status: Status
    example: Example | None = None
    rule: Rule | None = None
    remark: str = ""


def load_promises(file: Path, policy: Policy) -> list[Promise]:
    """Return the promises of a file about a policy; raises PolicyInvalid with the line that is wrong."""
    return parse_promises(read_text(file), policy, str(file))


def parse_promises(text: str, policy: Policy, file: str = "promises.toml") -> list[Promise]:
    """Return the promises in a file's text; ``file`` is the name used in errors."""
    table, lines = parse_tables(PromiseTable, text, file, {})
    promises = [promise for kind in Kind for promise in _list_promises(kind, getattr(table, kind), lines)]
    if not promises:
        raise PolicyInvalid(file, 1, "there is no promise in it")
    known = {OWN_UPSTREAM, *(upstream.name for upstream in policy.upstreams)}
    for promise in promises:
        if promise.kind is Kind.GOES_TO and promise.word not in known:
            names = ", ".join(sorted(known))
            raise PolicyInvalid(file, promise.line, f"goes_to: unknown word {promise.word!r}; known are {names}")
    return sorted(promises, key=lambda promise: promise.line)


def prove(policy: Policy, promises: Sequence[Promise]) -> list[Proof]:
    """Return of each promise whether it holds; TooComplex where that can't be decided of all of them."""
    tables = {promise.matcher.source: promise.matcher.dfa for promise in promises}
    paths, readings = PathMap([policy], tables), Readings([policy], tables)
    cases: dict[Region, Cases] = {}
    return [_prove_spelled(policy, _prove_one(policy, promise, paths, cases), readings) for promise in promises]


def check_promises(policy: Policy, file: Path) -> None:
    """Raise PolicyInvalid unless the policy keeps all promises of a file."""
    try:
        proofs = prove(policy, load_promises(file, policy))
    except TooComplex as error:
        raise PolicyInvalid(str(file), 1, str(error)) from None
    for proof in proofs:
        if proof.status is not Status.HOLDS:
            raise PolicyInvalid(str(file), proof.promise.line, f"{proof.promise}: {describe(proof)}")


def describe(proof: Proof) -> str:
    """Return in words what is proven, without the promise."""
    if proof.example is None:
        return ": ".join(filter(None, (proof.status, proof.remark)))
    decides = name_rule(proof.rule) if proof.rule else "no rule decides it"
    return f"broken by {describe_example(proof.example)}: {decides}"


def _prove_one(policy: Policy, promise: Promise, paths: PathMap, known: dict[Region, Cases]) -> Proof:
    is_empty, is_routed, doubts = True, False, ""
    for region in paths.regions:
        if not paths.is_within(region, promise.matcher.source):
            continue
        is_empty = False
        if region not in known:
            known[region] = list_cases([policy], region.path)
        doubts = doubts or known[region].doubts
        case = next(_list_breaking(promise, known[region].cases), None)
        if case is not None:
            rule = find_rule(case.decisions[0])
            return Proof(promise, Status.BROKEN, Example(case.request, _choose_caller(promise, rule)), rule)
        is_routed = is_routed or any(find_rule(case.decisions[0]) for case in known[region].cases)
    if is_empty:
        return Proof(promise, Status.UNDECIDED, remark="the matcher matches no path at all")
    if doubts:
        return Proof(promise, Status.UNDECIDED, remark=doubts)
    is_idle = not is_routed and promise.kind is not Kind.NOT_ROUTED
    return Proof(promise, Status.HOLDS, remark="no rule decides any of these paths" if is_idle else "")


def _prove_spelled(policy: Policy, proof: Proof, readings: Readings) -> Proof:
    """Return the proof, or a worse one where a spelling that is not canonical may break the promise."""
    promise = proof.promise
    if proof.status is not Status.HOLDS:
        return proof
    for region in readings.list_regions(promise.matcher.source):
        for case in list_cases([policy], region.path).cases:
            rule = find_rule(case.decisions[0])
            if rule is not None and rule.paths is not Paths.STRICT and _BREAKS[promise.kind](promise, case, rule):
                spelled = find_spelled(policy, case.request)
                if spelled is not None:
                    return Proof(promise, Status.BROKEN, Example(spelled, _choose_caller(promise, rule)), rule)
                says = f"a spelling that may be read as {region.path.text} could break it ({name_rule(rule)})"
                return Proof(promise, Status.UNDECIDED, remark=says)
    return proof


def _list_breaking(promise: Promise, cases: Sequence[Case]) -> Iterator[Case]:
    """Yield the cases that break a promise."""
    is_broken = _BREAKS[promise.kind]
    for case in cases:
        if is_broken(promise, case, find_rule(case.decisions[0])):
            yield case
    if promise.kind is Kind.GOES_TO:
        routed = {case.choice for case in cases if find_rule(case.decisions[0])}
        yield from (case for case in cases if case.choice not in routed)


def _choose_caller(promise: Promise, rule: Rule | None) -> Caller:
    """Return who meets what breaks a promise: somebody signed in, unless anonymous callers do, too."""
    is_open = rule is None or rule.access is Access.PUBLIC
    is_refused_otherwise = promise.kind is Kind.SAME_AS_NEXTJS and rule is not None and rule.access is Access.PROTECTED
    return NOBODY if is_open or is_refused_otherwise else SOMEBODY


def _is_public(_promise: Promise, _case: Case, rule: Rule | None) -> bool:
    return rule is not None and rule.access is Access.PUBLIC


def _is_without_role(promise: Promise, _case: Case, rule: Rule | None) -> bool:
    return rule is not None and rule.role != promise.word


def _is_otherwise_guarded(_promise: Promise, case: Case, rule: Rule | None) -> bool:
    if case.request.method not in _NAVIGATING:
        return rule is not None and rule.access is Access.PUBLIC
    return rule is None or rule.access is not Access.PAGE or rule.role is not None or rule.max_auth_age is not None


def _goes_elsewhere(promise: Promise, _case: Case, rule: Rule | None) -> bool:
    return rule is not None and rule.upstream != promise.word


def _is_routed(_promise: Promise, _case: Case, rule: Rule | None) -> bool:
    return rule is not None


_BREAKS: Mapping[Kind, Callable[[Promise, Case, Rule | None], bool]] = {
    Kind.NEVER_PUBLIC: _is_public,
    Kind.ONLY_ROLE: _is_without_role,
    Kind.SAME_AS_NEXTJS: _is_otherwise_guarded,
    Kind.GOES_TO: _goes_elsewhere,
    Kind.NOT_ROUTED: _is_routed,
}


def _list_promises(
    kind: Kind, words: Sequence[Matcher] | Mapping[str, Sequence[Matcher]], lines: Mapping[KeyPath, int]
) -> Iterator[Promise]:
    if isinstance(words, Mapping):
        for word, matchers in words.items():
            yield from (Promise(kind, matcher, word, get_line(lines, (kind, word))) for matcher in matchers)
    else:
        yield from (Promise(kind, matcher, "", get_line(lines, (kind,))) for matcher in words)
