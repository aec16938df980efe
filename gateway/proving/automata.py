"""All texts that one table accepts, partitioned by which others accept them too: exactly, with a shortest text each.

The tables are those by which the gateway matches. They are read side by side: a *state* is where each of them stands,
without those that can match no more. All texts that lead to one state are alike from there on, so the states that can
be reached say everything about all texts, of which there are infinitely many.

1. Characters that no table tells apart, and that cost the same, are one class (``character_classes``).
2. States are visited in the order of their cost, so the first text of a region is a cheapest one. What a text costs is
   up to the caller; texts that cost more than ``longest`` do not exist.
3. Together, tables may need as many states as the product of theirs. Too many are refused, and the error names the
   tables that have most of them: the limit counts work, not time, so the verdict never varies.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple, TypeAlias

from gateway.matching.dfa import DEAD, DFA
from gateway.proving.character_classes import CharacterClass, list_character_classes

MOST_STATES = 30_000
MOST_TALLIED = 1_000_000  # states times costs: half a second


Label: TypeAlias = frozenset[int]
"""Which of the tables accept a text, by number."""
State: TypeAlias = tuple[int, ...]
"""Where the tables stand that can still match, each by the number of its row among all rows; the universe's first."""
Steps: TypeAlias = dict[int, Counter[int]]
"""The states that one more character leads to, and for each how many characters do so, by their cost."""


class TooComplex(Exception):
    """Too many states to decide it; the text names what needs them."""


class NamedTable(NamedTuple):
    """A table, and what it is called in an error."""

    name: str
    dfa: DFA


class Partition:
    """The texts that ``universe`` accepts, by which of ``tables`` accept them. TooComplex where that can't be told.

    ``cost_of`` returns what a character costs, and ``cost_bounds`` the code points at which that changes.
    """

    def __init__(
        self,
        universe: DFA,
        tables: Sequence[NamedTable],
        cost_of: Callable[[int], int],
        cost_bounds: Collection[int],
        longest: int,
    ) -> None:
        self._tables = (NamedTable("", universe), *tables)
        self._longest = longest
        self._classes, self._columns = list_character_classes(
            [table.dfa for table in self._tables], cost_of, cost_bounds
        )
        self._owners = [owner for owner, table in enumerate(self._tables) for _ in table.dfa.rows]
        firsts = [self._owners.index(owner) for owner in range(len(self._tables))]
        self._firsts = firsts
        self._is_accepting = [
            number - firsts[owner] in self._tables[owner].dfa.accepting for number, owner in enumerate(self._owners)
        ]
        self._rows: dict[int, tuple[int, ...]] = {}
        self._numbers: dict[State, int] = {}
        self._steps: list[Steps] = []
        self._ends: defaultdict[Label, set[int]] = defaultdict(set)
        self.texts: dict[Label, str] = {}
        """A cheapest text of each region, the cheapest of them first."""
        self._explore()

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self._numbers)

    def tally_texts(self, labels: Collection[Label]) -> int | None:
        """Return how many texts there are with one of these labels; None where they can't be counted.

        They can't be where their length has no bound, and where so many cost too much that leaving those out takes too
        long.
        """
        ends = set[int]().union(*(self._ends[label] for label in labels))
        involved = _close(ends, self._sources)
        order = self._sort(involved)
        can_be_long = order is not None and self._costs_too_much(order)
        if order is None or (can_be_long and len(order) * self._longest > MOST_TALLIED):
            return None
        arriving: defaultdict[int, Counter[int]] = defaultdict(Counter, {0: Counter({0: 1})})
        total = 0
        for state in order:
            texts = arriving.pop(state, Counter[int]())
            total += sum(texts.values()) if state in ends else 0
            for target in self._steps[state].keys() & involved:
                steps = self._steps[state][target]
                _add_steps(arriving[target], texts, steps if can_be_long else {0: steps.total()}, self._longest)
        return total

    def _sort(self, involved: AbstractSet[int]) -> list[int] | None:
        """Return states so that each comes before those that it leads to; None where some lead in a circle."""
        entering = Counter(target for source in involved for target in self._steps[source] if target in involved)
        order = [state for state in involved if not entering[state]]
        for state in order:
            for target in self._steps[state].keys() & involved:
                entering[target] -= 1
                if not entering[target]:
                    order.append(target)
        return order if len(order) == len(involved) else None

    def _costs_too_much(self, order: Sequence[int]) -> bool:
        """Tell whether a text that only leads through these states, in their order, may cost more than the longest."""
        costs: defaultdict[int, int] = defaultdict(int)
        for state in order:
            for target, steps in self._steps[state].items():
                costs[target] = max(costs[target], costs[state] + max(steps))
        return max((costs[state] for state in order), default=0) > self._longest

    def _explore(self) -> None:
        """Visit all states, the cheapest to reach first, and note a cheapest text of each region."""
        start = tuple(self._firsts)
        self._numbers[start] = 0
        reached = {0: (0, "")}
        done: set[int] = set()
        waiting = [(0, 0)]
        states = [start]
        while waiting:
            cost, number = heapq.heappop(waiting)
            if number in done:
                continue
            done.add(number)
            text = reached[number][1]
            self._note(number, states[number], text)
            for target, classes in self._list_steps(states[number], states):
                cheapest = classes[0]
                total = cost + cheapest.cost
                if total <= self._longest and total < reached.get(target, (self._longest + 1, ""))[0]:
                    reached[target] = (total, text + cheapest.sample)
                    heapq.heappush(waiting, (total, target))
                self._increment(number, target, classes)
            if len(states) > MOST_STATES:
                raise TooComplex(self._name_cause(states))

    def _note(self, number: int, state: State, text: str) -> None:
        if self._is_accepting[state[0]]:
            label = frozenset(self._owners[row] - 1 for row in state[1:] if self._is_accepting[row])
            self._ends[label].add(number)
            self.texts.setdefault(label, text)

    def _increment(self, source: int, target: int, classes: list[CharacterClass]) -> None:
        while len(self._steps) <= max(source, target):
            self._steps.append({})
        counts = self._steps[source].setdefault(target, Counter())
        for each in classes:
            counts[each.cost] += each.size

    def _list_steps(self, state: State, states: list[State]) -> list[tuple[int, list[CharacterClass]]]:
        """Return the states after one more character, by their numbers; new ones are added to ``states``."""
        rows = [self._rows.get(row) or self._read_row(row) for row in state]
        ways: dict[tuple[int, ...], list[CharacterClass]] = {}
        for each, column in zip(self._classes, zip(*rows, strict=True), strict=True):
            if column[0] != DEAD:
                ways.setdefault(column, []).append(each)
        found: list[tuple[int, list[CharacterClass]]] = []
        for column, classes in ways.items():
            following = tuple(row for row in column if row != DEAD)
            number = self._numbers.setdefault(following, len(states))
            if number == len(states):
                states.append(following)
            found.append((number, classes))
        return found

    def _read_row(self, row: int) -> tuple[int, ...]:
        """Return a row's targets by class, as numbers among all rows."""
        owner = self._owners[row]
        first = self._firsts[owner]
        targets = self._tables[owner].dfa.rows[row - first]
        numbers = [DEAD if target == DEAD else first + target for target in targets]
        read = tuple([numbers[column] for column in self._columns[owner]])
        self._rows[row] = read
        return read

    def _name_cause(self, states: list[State]) -> str:
        """Return which two tables have most of the states between them."""
        different: defaultdict[int, set[int]] = defaultdict(set)
        for state in states:
            for row in state[1:]:
                different[self._owners[row]].add(row)
        most = sorted(different, key=lambda owner: len(different[owner]), reverse=True)[:2]
        names = " and ".join(self._tables[owner].name for owner in most)
        return f"too complex to decide: together with the rest, {names} need more than {MOST_STATES} states"

    @cached_property
    def _sources(self) -> dict[int, set[int]]:
        sources: defaultdict[int, set[int]] = defaultdict(set)
        for source, steps in enumerate(self._steps):
            for target in steps:
                sources[target].add(source)
        return sources


def _close(states: Collection[int], sources: dict[int, set[int]]) -> set[int]:
    """Return the states from which one of ``states`` can be reached."""
    found, waiting = set(states), list(states)
    while waiting:
        new = sources.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _add_steps(arriving: Counter[int], texts: Counter[int], steps: Mapping[int, int], longest: int) -> None:
    """Add to the texts that arrive at a state, counted by cost, those that come by one more character."""
    for cost, count in texts.items():
        for more, ways in steps.items():
            if cost + more <= longest:
                arriving[cost + more] += count * ways
