"""The tree that a matcher is parsed into: sets of characters, sequences, choices, repetitions, look-arounds.

Only the set of texts that a tree matches counts. There are no captures, and greedy and lazy are the same.
``regex_syntax`` and ``path_syntax`` build trees, ``nfa`` and ``dfa`` turn one into a table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

LAST_POINT = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""A set of code points: sorted, both ends inclusive, neither overlapping nor touching."""


class MatcherInvalid(ValueError):
    """A matcher, or a regular expression in one, is invalid. Positions count characters from 0."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        self.position = position
        super().__init__(reason if position is None else f"{reason} at {position}")


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after another; without parts, the empty text."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the alternatives."""

    ways: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The body ``least`` to ``most`` times; ``most`` None is without limit."""

    body: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """A look-around: reads nothing; holds where ``body`` matches ahead (or behind) or, negated, where it does not."""

    body: "Node"
    behind: bool
    negated: bool


Node: TypeAlias = Chars | Sequence | Choice | Repeat | Look

ANY = Chars(((0, LAST_POINT),))


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the union of ``ranges``."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def invert_ranges(ranges: Ranges) -> Ranges:
    """Return all code points that are not in ``ranges``."""
    starts = [0, *(high + 1 for _, high in ranges)]
    ends = [*(low - 1 for low, _ in ranges), LAST_POINT]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def ranges_of(characters: str) -> Ranges:
    """Return the set of ``characters``."""
    return merge_ranges((ord(character), ord(character)) for character in characters)


def literal(text: str) -> Sequence:
    """Return the tree that matches exactly ``text``."""
    return Sequence(tuple(Chars(ranges_of(character)) for character in text))
