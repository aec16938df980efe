"""What passes in a spelling that is not canonical, told by its readings (``policy.spellings``), where a rule takes any.

A spelling passes if one rule that takes it decides all its readings. So two policies treat all spellings alike if

1. they give every text that may be a reading rules with the same effect: then each reading is decided alike;
2. and a rule of one that takes spellings stands in the place of the same rule of the other, wherever it stands: then
   those decided by one rule are so in both.

Where a text that is no canonical path shows a difference, and no canonical path shows one between the same rules, what
becomes of the spellings with that reading is not decided here: it depends on all their other readings. That is said. So
it is with a promise: a spelling that breaks it is looked for, and where there is none of the simplest, that is said.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from urllib.parse import quote

from gateway.matching.dfa import DFA
from gateway.matching.matchers import compile_regex
from gateway.policy.canonical_paths import KEPT_RAW, MAX_PATH_LENGTH, CanonicalPath
from gateway.policy.choice import RequestFacts, choose_for_spelling
from gateway.policy.rules import Paths, Policy, Rule
from gateway.policy.spellings import READING_TEXT, read_spelling
from gateway.proving.cases import list_cases
from gateway.proving.paths import PathMap, Region, Universe, canonical_paths
from gateway.proving.rulings import find_rule, read_ruling

RulesOfTwo = tuple[Rule | None, ...]
"""The rules by which two policies decide a request; None where none does."""

_CANONICAL = "canonical paths"  # which is no matcher
_LONGEST = 3 * MAX_PATH_LENGTH  # characters of a reading: one that is encoded has three


class Readings:
    """All texts that may be readings, by the matchers of some policies; none where no policy takes spellings."""

    def __init__(self, policies: Sequence[Policy], further: Mapping[str, DFA] | None = None) -> None:
        self._map: PathMap | None = None
        self._policies = policies
        if any(policy.takes_spellings for policy in policies):
            self._map = PathMap(policies, {**(further or {}), _CANONICAL: canonical_paths()}, READINGS)

    def list_regions(self, name: str) -> list[Region]:
        """Return the regions that are in a matcher, or a table of ``further``, and of which no text is canonical."""
        paths = self._map
        if paths is None:
            return []
        return [each for each in paths.regions if paths.is_within(each, name) and not paths.is_within(each, _CANONICAL)]

    def list_doubts(self, told: Collection[RulesOfTwo]) -> Iterator[str]:
        """Yield in what two policies may differ beside what is told: which rules differ for canonical paths."""
        partners, seen = _Partners(), set[tuple[tuple[Rule, ...], ...]]()
        for region in self._map.regions if self._map is not None else ():
            rules = tuple(
                tuple(candidate.rule for candidate in policy.list_candidates(region.path.text))
                for policy in self._policies
            )
            if rules not in seen:
                seen.add(rules)
                yield from self._compare(region, told, partners)
        yield from partners.list_doubts()

    def _compare(self, region: Region, told: Collection[RulesOfTwo], partners: "_Partners") -> Iterator[str]:
        """Yield what is not told of what two policies say of one text, and note the rules that do the same."""
        cases = list_cases(self._policies, region.path)
        yield from filter(None, [cases.doubts])
        for case in cases.cases:
            rules = tuple(map(find_rule, case.decisions))
            old, new = map(read_ruling, self._policies, case.decisions)
            if old == new:
                partners.add(rules)
            elif rules not in told:
                yield f"{region.path.text}: no path, but what a spelling may be read as, has other rules"


class _Partners:
    """Which rules of one policy do what a rule of the other does."""

    def __init__(self) -> None:
        self._sides: tuple[defaultdict[Rule, set[Rule]], ...] = (defaultdict(set), defaultdict(set))

    def add(self, rules: RulesOfTwo) -> None:
        old, new = rules
        if old is not None and new is not None:
            self._sides[0][old].add(new)
            self._sides[1][new].add(old)

    def list_doubts(self) -> Iterator[str]:
        for side in self._sides:
            for rule, others in side.items():
                if len(others) > 1 and rule.paths is not Paths.STRICT:
                    lines = " and ".join(str(other.line) for other in sorted(others, key=lambda other: other.line))
                    yield f"line {rule.line} stands for lines {lines}: spellings may be taken that both decide, or not"


def find_spelled(policy: Policy, request: RequestFacts) -> RequestFacts | None:
    """Return a request in a simplest spelling that has the path's text for a reading, if one passes."""
    text = request.path.text
    for raw in dict.fromkeys((quote(text, safe=KEPT_RAW + "%"), quote(text, safe=KEPT_RAW))):
        spelling = read_spelling(raw.encode("ascii"))
        found = choose_for_spelling(policy, request, spelling) if spelling is not None else None
        if found is not None:
            return found[0]._replace(path=CanonicalPath(found[0].path.text, raw.encode("ascii")))
    return None


def _read(text: str) -> CanonicalPath:
    return CanonicalPath(text, quote(text, safe=KEPT_RAW).encode("ascii"))


@cache
def _compile_table() -> DFA:
    return compile_regex(READING_TEXT)


READINGS = Universe(_compile_table, lambda _: 1, tuple, _LONGEST, _read)
