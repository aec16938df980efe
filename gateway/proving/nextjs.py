"""What a Next.js project's middleware guards, beside what the policy guards: every path that one of them leaves open.

1. A path that the matcher of the middleware matches is *left open* if some public rule decides requests for it.
2. A path that no rule decides is refused by the gateway whoever asks, so it is not open, though it may be forgotten.
3. The other way round, paths that the policy guards and the matcher leaves out are told: it is no fault, for there the
   gateway alone guards.

``has``, ``missing`` and ``locale`` of a matcher are not read: it is taken to match always, which asks more of the
policy. Next.js' own data routes (``/_next/data``, ``.json``) are not among the paths of a matcher here.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.matching.matchers import MatcherInvalid, compile_matcher
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.rules import Access, Paths, Policy, Rule
from gateway.proving.cases import Case, list_cases
from gateway.proving.nextjs_file import NextMatcher
from gateway.proving.nextjs_tokens import NextjsUnreadable
from gateway.proving.paths import PathMap, Region
from gateway.proving.readings import Readings
from gateway.proving.rulings import find_rule


class Gap(NamedTuple):
    """Paths that a rule decides: with which methods, a shortest one, and how many.

    ``size`` None: unbounded, or too many to count.
    """

    rule: Rule | None
    methods: tuple[str, ...]
    size: int | None
    path: CanonicalPath
    case: Case


class GuardComparison(NamedTuple):
    """What the policy leaves open that Next.js guards, what it does not route, and what it guards in addition."""

    open: Sequence[Gap]
    unrouted: Sequence[Gap]
    further: Sequence[Gap]
    doubts: Sequence[str]

    @property
    def is_guarded(self) -> bool:
        """Whether it is proven that the policy guards all that Next.js guards."""
        return not self.open and not self.doubts


def compare_guards(policy: Policy, matchers: Iterable[NextMatcher]) -> GuardComparison:
    """Compare; raises NextjsUnreadable where a matcher is invalid, and TooComplex where it can't be decided."""
    tables = {}
    for entry in matchers:
        try:
            tables[entry.source] = compile_matcher(entry.source).dfa
        except MatcherInvalid as error:
            raise NextjsUnreadable(entry.line or 1, f"{entry.source!r}: {error}") from None
    paths = PathMap([policy], tables)
    opened, unrouted, further = (_Gaps(paths) for _ in range(3))
    doubts: dict[str, None] = {}
    for region in paths.regions:
        is_matched = any(paths.is_within(region, source) for source in tables)
        found = list_cases([policy], region.path)
        if found.doubts and is_matched:
            doubts[found.doubts] = None
        rules = [find_rule(case.decisions[0]) for case in found.cases]
        for case, rule in zip(found.cases, rules, strict=True):
            if is_matched and not any(rules):
                unrouted.add(None, region, case)
            elif is_matched and rule is not None and rule.access is Access.PUBLIC:
                opened.add(rule, region, case)
            elif not is_matched and rule is not None and rule.access is not Access.PUBLIC:
                further.add(rule, region, case)
    gaps = opened.list_gaps()
    readings, told = Readings([policy], tables), {gap.rule for gap in gaps}
    for source in tables:
        doubts |= dict.fromkeys(_list_spelled(policy, readings.list_regions(source), told))
    return GuardComparison(gaps, unrouted.list_gaps(), further.list_gaps(), tuple(doubts))


def _list_spelled(policy: Policy, regions: Iterable[Region], told: Collection[Rule | None]) -> Iterator[str]:
    """Yield which public rules, beside those told, take spellings that may be read as what Next.js guards."""
    for region in regions:
        for case in list_cases([policy], region.path).cases:
            rule = find_rule(case.decisions[0])
            if rule is None or rule.paths is Paths.STRICT or rule in told:
                continue
            if rule.access is Access.PUBLIC:
                yield f"what line {rule.line} takes in other spellings, which may be read as {region.path.text}"


class _Gaps:
    """Collects the paths of one kind by the rule that decides them."""

    def __init__(self, paths: PathMap) -> None:
        self._paths = paths
        self._found: defaultdict[Rule | None, list[tuple[Region, Case]]] = defaultdict(list)

    def add(self, rule: Rule | None, region: Region, case: Case) -> None:
        self._found[rule].append((region, case))

    def list_gaps(self) -> list[Gap]:
        return [self._describe_gap(rule, found) for rule, found in self._found.items()]

    def _describe_gap(self, rule: Rule | None, found: Sequence[tuple[Region, Case]]) -> Gap:
        region, case = found[0]
        methods = dict.fromkeys(case.request.method for _, case in found)
        count = self._paths.tally_paths({region for region, _ in found})
        return Gap(rule, tuple(methods), count, region.path, case)
