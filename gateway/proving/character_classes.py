"""Classes of characters that some tables don't tell apart. However many characters there are, classes are few.

What a character costs is up to the caller; all those of a class cost the same.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from gateway.matching.dfa import DFA
from gateway.matching.tree import LAST_POINT

PREFERRED = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
"""The characters that texts are made of where there is a choice."""


class CharacterClass(NamedTuple):
    """Characters that no table tells apart: one of them, what each costs, how many they are."""

    sample: str
    cost: int
    size: int


def list_character_classes(
    tables: Sequence[DFA], cost_of: Callable[[int], int], cost_bounds: Collection[int]
) -> tuple[list[CharacterClass], list[list[int]]]:
    """Return the classes, those with preferred samples first, and for each table its column for each of them."""
    bounds = {bound for table in tables for bound in table.bounds}
    points = sorted({0, *cost_bounds, *bounds} - {LAST_POINT + 1})
    columns = zip(*([bisect_right(table.bounds, point) for point in points] for table in tables), strict=True)
    alike: defaultdict[tuple[int, tuple[int, ...]], list[range]] = defaultdict(list)
    for low, high, column in zip(points, [*points[1:], LAST_POINT + 1], columns, strict=True):
        alike[cost_of(low), column].append(range(low, high))
    found = [
        (CharacterClass(_choose_sample(ranges), cost, sum(map(len, ranges))), column)
        for (cost, column), ranges in alike.items()
    ]
    found.sort(key=lambda pair: (pair[0].cost, _rank(pair[0].sample)))
    return [each for each, _ in found], [list(each) for each in zip(*(column for _, column in found), strict=True)]


def _choose_sample(ranges: list[range]) -> str:
    preferred = (character for character in PREFERRED if any(ord(character) in each for each in ranges))
    return next(preferred, chr(ranges[0].start))


def _rank(character: str) -> int:
    return PREFERRED.index(character) if character in PREFERRED else len(PREFERRED) + ord(character)
