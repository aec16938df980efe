"""What a change of the policy changes: every request that one policy treats otherwise than another, or a proof of none.

1. Where both give a path the same rules with the same effect, no request for it differs.
2. Elsewhere one path stands for its region (``paths``), one value for all that conditions don't tell apart
   (``conditions``). ``decide`` says of each such request, with each method, which rule decides in either policy.
3. Two rules with the same effect treat all requests alike; of two others all situations are compared (``situations``).
4. Each difference has a shortest request as its example, and ``decide`` is asked again whether it is one. What can't be
   decided is said, and is no proof that nothing changes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.messages.headers import stops_always
from gateway.messages.raw_headers import write_name
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.rules import Candidate, Policy, Rule
from gateway.proving.automata import Label
from gateway.proving.cases import Case, Cases, Example, list_cases, list_methods
from gateway.proving.conditions import Choice, describe_values
from gateway.proving.cubes import merge_points
from gateway.proving.outcomes import Outcome, outcome_of
from gateway.proving.paths import PathMap, Region
from gateway.proving.readings import Readings
from gateway.proving.rulings import Contrast, Ruling, contrast, decide_as_seen, find_rule, list_clauses, read_ruling


@dataclass(frozen=True, slots=True)
class Change:
    """Requests for some paths that come to another outcome. ``how`` is empty for plain requests."""

    methods: tuple[str, ...]
    sender: str
    how: str
    old: Outcome
    new: Outcome
    example: Example


@dataclass(frozen=True, slots=True)
class Difference:
    """Paths for which something changes, and what. ``count`` None: unbounded, or too many to count.

    ``path`` is a shortest one, ``labels`` say which they are. ``when`` is what the request has to hold beside; empty
    for all. The rules are those that decide, in their order.
    """

    labels: frozenset[Label]
    path: CanonicalPath
    count: int | None
    when: str
    old_rules: tuple[Rule, ...]
    new_rules: tuple[Rule, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """All differences between two policies, and what could not be decided; ``paths`` are those that were compared.

    ``remarks`` are differences that are no rule's: they concern every request that passes.
    """

    differences: tuple[Difference, ...]
    undecided: tuple[str, ...]
    paths: PathMap
    remarks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it is proven that nothing changes."""
        return not (self.differences or self.undecided or self.remarks)

    def list_about(self, path: str) -> Iterator[Difference]:
        """Yield the differences in which a canonical path has a part."""
        label = self.paths.get_label(path)
        yield from (difference for difference in self.differences if label in difference.labels)


def compare_policies(old: Policy, new: Policy) -> Diff:
    """Return what changes from one policy to the other; TooComplex where that can't be decided."""
    return _Comparison(old, new).run()


class _Pair(NamedTuple):
    """What both policies say of some requests."""

    method: str
    old: Ruling
    new: Ruling


class _Row(NamedTuple):
    """What a change is about, but for paths and methods."""

    when: str
    sender: str
    how: str
    old: Outcome
    new: Outcome
    rules: tuple[Rule | None, ...]
    """The rules that decide before and after."""


@dataclass
class _Spot:
    """Where a change was found: an example, and the regions of paths."""

    example: Example
    regions: list[Region] = field(default_factory=list)


class _Comparison:
    """Compares two policies; used once."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self._policies = (old, new)
        self._map = PathMap(self._policies)
        self._spots: defaultdict[_Row, dict[str, _Spot]] = defaultdict(dict)
        self._contrasts: dict[_Pair, list[Contrast]] = {}
        self._undecided: dict[str, None] = {}

    def run(self) -> Diff:
        groups: defaultdict[tuple[tuple[Rule, ...], ...], list[Region]] = defaultdict(list)
        for region in self._map.regions:
            old, new = (policy.list_candidates(region.path.text) for policy in self._policies)
            if list_clauses(old) != list_clauses(new):
                groups[_list_rules(old), _list_rules(new)].append(region)
        for regions in groups.values():
            self._compare_regions(regions)
        self._undecided |= dict.fromkeys(Readings(self._policies).list_doubts({row.rules for row in self._spots}))
        remarks = tuple(_list_remarks(*self._policies))
        return Diff(tuple(self._list_differences()), tuple(self._undecided), self._map, remarks)

    def _compare_regions(self, regions: list[Region]) -> None:
        """Compare what both policies say of paths to which they give the same rules; the first path is the shortest."""
        cases = list_cases(self._policies, regions[0].path)
        if cases.doubts:
            self._undecided[cases.doubts] = None
        pairs: defaultdict[_Pair, dict[Choice, Case]] = defaultdict(dict)
        for case in cases.cases:
            rulings = map(read_ruling, self._policies, case.decisions)
            pairs[_Pair(case.request.method, *rulings)][case.choice] = case
        for pair, found in pairs.items():
            if pair.old != pair.new:
                self._compare_cases(regions, cases, pair, found)

    def _compare_cases(self, regions: list[Region], cases: Cases, pair: _Pair, found: Mapping[Choice, Case]) -> None:
        """Note all changes among requests about which each policy says one thing."""
        for cube in merge_points(found):
            pieces = [describe_values(each, some) for each, some in zip(cases.alternatives, cube, strict=True)]
            case = next(
                case
                for choice, case in found.items()
                if all(value in some for value, some in zip(choice, cube, strict=True))
            )
            when = ", ".join(filter(None, pieces))
            rules = tuple(map(find_rule, case.decisions))
            for each in self._list_contrasts(pair, case):
                example = Example(
                    each.situation.as_possible().put_into(case.request), each.situation.sender.as_caller()
                )
                row = _Row(when, each.sender, each.how, each.old, each.new, rules)
                if self._is_shown(example, row):
                    self._add(row, pair.method, example, regions)
                else:
                    self._undecided[_name_doubts(row, example)] = None

    def _list_contrasts(self, pair: _Pair, case: Case) -> list[Contrast]:
        if pair not in self._contrasts:
            self._contrasts[pair] = contrast(self._policies, case.decisions, pair.method)
        return self._contrasts[pair]

    def _is_shown(self, example: Example, row: _Row) -> bool:
        """Tell whether the gateway itself says of the example what was found."""
        old, new = (outcome_of(decide_as_seen(policy, *example)) for policy in self._policies)
        return (old, new) == (row.old, row.new)

    def _add(self, row: _Row, method: str, example: Example, regions: list[Region]) -> None:
        spot = self._spots[row].setdefault(method, _Spot(example))
        spot.example = min(spot.example, example, key=lambda each: len(each.request.path.raw))
        spot.regions += regions

    def _list_differences(self) -> Iterator[Difference]:
        """Yield what was found, with methods and changes joined that are about the same paths."""
        joined: defaultdict[tuple[frozenset[Region], str], list[tuple[_Row, list[str]]]] = defaultdict(list)
        for row, spots in self._spots.items():
            methods: defaultdict[frozenset[Region], list[str]] = defaultdict(list)
            for method in filter(spots.__contains__, list_methods(self._policies)):
                methods[frozenset(spots[method].regions)].append(method)
            for regions, names in methods.items():
                joined[regions, row.when].append((row, names))
        for (regions, when), rows in joined.items():
            path = min((region.path for region in regions), key=lambda path: len(path.raw))
            old, new = (_sort_rules(row.rules[side] for row, _ in rows) for side in range(2))
            labels = frozenset(region.label for region in regions)
            changes = tuple(
                Change(tuple(names), row.sender, row.how, row.old, row.new, self._spots[row][names[0]].example)
                for row, names in rows
            )
            yield Difference(labels, path, self._map.tally_paths(regions), when, old, new, changes)


def _list_remarks(old: Policy, new: Policy) -> Iterator[str]:
    """Yield which headers of clients pass in one policy alone, since the other names callers by them."""
    for name in sorted(old.identity_names ^ new.identity_names):
        if not stops_always(name.encode("ascii")):
            says = "passes to any upstream again" if name in old.identity_names else "no longer passes, to no upstream"
            yield f"a client's own {write_name(name)} {says}"


def _list_rules(candidates: Iterable[Candidate]) -> tuple[Rule, ...]:
    return tuple(candidate.rule for candidate in candidates)


def _sort_rules(rules: Iterable[Rule | None]) -> tuple[Rule, ...]:
    return tuple(sorted({rule for rule in rules if rule is not None}, key=lambda rule: rule.line))


def _name_doubts(row: _Row, example: Example) -> str:
    """Return what a request would have to be that no example could be made of."""
    request = example.request
    words = ", ".join(filter(None, (row.sender, row.how, row.when)))
    return f"{request.method} {request.path.text} ({words}): conditions look at what the gateway reads itself"
