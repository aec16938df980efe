"""All canonical paths, in regions: two paths are in one region if the same matchers match them.

Every path of a region gets the same rules from ``Policy.list_candidates``, so one path stands for all of them. A region
knows its shortest one, as it is sent: each character counts as the bytes that it has when it is encoded. Paths that are
longer than the gateway accepts don't exist.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

from gateway.matching.dfa import DFA
from gateway.matching.matchers import compile_regex
from gateway.policy.canonical_paths import (
    CANONICAL_TEXT,
    KEPT_RAW,
    MAX_PATH_LENGTH,
    CanonicalPath,
    canonicalize_path,
)
from gateway.policy.rules import Policy
from gateway.proving.automata import Label, NamedTable, Partition

_ONE_BYTE, _TWO_BYTES, _THREE_BYTES = 0x80, 0x800, 0x10000  # from which code point on UTF-8 takes one byte more


class Region(NamedTuple):
    """Paths that the same matchers match: which ones, by number, and the shortest path."""

    label: Label
    path: CanonicalPath


class Universe(NamedTuple):
    """All texts that are asked about: their table, what their characters cost, and how one is made a path."""

    compile_table: Callable[[], DFA]
    measure: Callable[[int], int]
    list_bounds: Callable[[], Collection[int]]
    longest: int
    read: Callable[[str], CanonicalPath]


class PathMap:
    """The regions of all canonical paths, the one with the shortest path first.

    ``further`` are tables beside the policies' matchers, by name. TooComplex where there would be too many regions.
    Of another ``universe`` than the canonical paths it is a map of those texts.
    """

    def __init__(
        self, policies: Iterable[Policy], further: Mapping[str, DFA] | None = None, universe: "Universe | None" = None
    ) -> None:
        tables: dict[str, DFA] = dict(further or {})
        for policy in policies:
            for matchers in (policy.never_routed, *(rule.matchers for rule in policy.rules)):
                tables |= {matcher.source: matcher.dfa for matcher in matchers}
        self._tables = tables
        self._numbers = {name: number for number, name in enumerate(tables)}
        named = [NamedTable(name, table) for name, table in tables.items()]
        among = universe or CANONICAL
        self._partition = Partition(among.compile_table(), named, among.measure, among.list_bounds(), among.longest)
        self.regions = [Region(label, among.read(text)) for label, text in self._partition.texts.items()]

    @property
    def states(self) -> int:
        """How many states the tables have together."""
        return self._partition.states

    def is_within(self, region: Region, name: str) -> bool:
        """Tell whether the paths of a region are among those of a matcher, or of a table of ``further``."""
        return self._numbers[name] in region.label

    def get_label(self, path: str) -> Label:
        """Return the label of the region that a canonical path is in."""
        return frozenset(self._numbers[name] for name, table in self._tables.items() if table.accepts(path))

    def tally_paths(self, regions: Collection[Region]) -> int | None:
        """Return how many paths some regions have; None where they may be of any length."""
        return self._partition.tally_texts({region.label for region in regions})


def measure(point: int, safe: str = KEPT_RAW) -> int:
    """Return how many bytes a character has when it is sent, percent-encoded unless it is ``safe`` or unreserved."""
    if point < _ONE_BYTE:
        return len(quote(chr(point), safe=safe))
    return 6 if point < _TWO_BYTES else 9 if point < _THREE_BYTES else 12


def read_path(text: str) -> CanonicalPath:
    """Return the canonical path with this text."""
    return canonicalize_path(quote(text, safe=KEPT_RAW).encode("ascii"))


@cache
def canonical_paths() -> DFA:
    """Return the table of all canonical paths."""
    return compile_regex(CANONICAL_TEXT)


@cache
def list_bounds(safe: str = KEPT_RAW) -> tuple[int, ...]:
    """Return the code points at which ``measure`` changes."""
    within = (point for point in range(1, _ONE_BYTE) if measure(point, safe) != measure(point - 1, safe))
    return (*within, _ONE_BYTE, _TWO_BYTES, _THREE_BYTES)


CANONICAL = Universe(canonical_paths, measure, list_bounds, MAX_PATH_LENGTH, read_path)
