"""Deterministic automata (DFA), built from a tree by the subset construction, and questions about them.

Why not ``re``: it backtracks, so some patterns take time quadratic or exponential in the length of a path, which a
stranger chooses. A table takes one look-up per character, whatever the pattern. And tables answer exactly what has to
be known of a policy before it starts: is there any path that this rule decides, and which one?

``nfa`` computes each state's successors; ``build_dfa`` numbers all reachable states. A tree that needs too many is
refused: the limits count work, not time, so the verdict never varies.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.matching.nfa import NFA
from gateway.matching.tree import MatcherInvalid, Node

START = 0
DEAD = -1
"""Not a row: from here on, no text can match."""

MOST_STATES = 5_000


@dataclass(frozen=True, slots=True)
class DFA:
    """A table. ``rows[state][column]`` is the next state; column c is for code points from ``bounds[c-1]`` on.

    ``source`` is the regular expression that it was made of, where that is to be shown.
    """

    bounds: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    accepting: frozenset[int]
    source: str = field(default="", compare=False)

    def accepts(self, text: str, state: int = START) -> bool:
        """Return whether the whole text matches, in time linear in its length."""
        bounds, rows = self.bounds, self.rows
        for character in text:
            state = rows[state][bisect_right(bounds, ord(character))]
            if state == DEAD:
                return False
        return state in self.accepting

    def after(self, text: str) -> "DFA | None":
        """Return the table of what may follow ``text`` (its Brzozowski derivative), or None where nothing may."""
        state = START
        for character in text:
            state = self.rows[state][bisect_right(self.bounds, ord(character))]
            if state == DEAD:
                return None
        swapped = {START: state, state: START}  # a table begins with its first row
        rows = [tuple(swapped.get(target, target) for target in row) for row in self.rows]
        rows[START], rows[state] = rows[state], rows[START]
        return DFA(self.bounds, tuple(rows), frozenset(swapped.get(each, each) for each in self.accepting))


def build_dfa(tree: Node) -> DFA:
    """Return the table of a tree; raises MatcherInvalid when it would be too large."""
    nfa = NFA(tree)
    kinds = nfa.list_kinds()
    points = {kind: point for point, kind in zip((0, *nfa.bounds), kinds, strict=True)}
    state = nfa.first_state()
    numbers = {state: START}
    waiting = deque([state])
    rows: list[list[int]] = []
    while waiting:
        state = waiting.popleft()
        targets: dict[int, int] = {}
        for kind, point in points.items():
            following = nfa.next_state(state, point)
            if following.threads and following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
            targets[kind] = numbers.get(following, DEAD)
        rows.append([targets[kind] for kind in kinds])
        if len(numbers) > MOST_STATES:
            raise MatcherInvalid(f"Too complex: it needs more than {MOST_STATES} states")
    accepting = frozenset(number for state, number in numbers.items() if nfa.is_final(state.threads))
    return DFA(nfa.bounds, _prune_dead_states(rows, accepting), accepting)


def find_text(wanted: Sequence[DFA], unwanted: Sequence[DFA]) -> str | None:
    """Return a shortest text that all of ``wanted`` and none of ``unwanted`` accept, or None if there is none."""
    machines = (*wanted, *unwanted)
    points = sorted({0, *(bound for machine in machines for bound in machine.bounds)})
    rows = [_Rows(machine, points) for machine in machines]
    first = (START,) * len(machines)
    texts = {first: ""}
    waiting = deque([first])
    while waiting:
        states = waiting.popleft()
        final = [state in machine.accepting for machine, state in zip(machines, states, strict=True)]
        if all(final[: len(wanted)]) and not any(final[len(wanted) :]):
            return texts[states]
        columns = zip(*(each[state] for each, state in zip(rows, states, strict=True)), strict=True)
        for point, following in zip(points, columns, strict=True):
            if following not in texts and DEAD not in following[: len(wanted)]:
                texts[following] = texts[states] + chr(point)
                waiting.append(following)
        if len(texts) > MOST_STATES:
            raise MatcherInvalid("Too complex to compare with the others")
    return None


class _Rows(dict[int, tuple[int, ...]]):
    """The rows of a table with a column for each of ``points``, made as they are asked for."""

    def __init__(self, machine: DFA, points: Sequence[int]) -> None:
        super().__init__({DEAD: (DEAD,) * len(points)})
        self._rows = machine.rows
        self._columns = [bisect_right(machine.bounds, point) for point in points]

    def __missing__(self, state: int) -> tuple[int, ...]:
        row = self._rows[state]
        self[state] = read = tuple([row[column] for column in self._columns])
        return read


def _prune_dead_states(rows: list[list[int]], accepting: frozenset[int]) -> tuple[tuple[int, ...], ...]:
    """Return the rows, with each state from which nothing can match any more replaced by DEAD."""
    sources: dict[int, set[int]] = {}
    for source, row in enumerate(rows):
        for target in row:
            sources.setdefault(target, set()).add(source)
    alive, waiting = set(accepting), list(accepting)
    while waiting:
        new = sources.get(waiting.pop(), set()) - alive
        alive |= new
        waiting += new
    return tuple(tuple(target if target in alive else DEAD for target in row) for row in rows)
