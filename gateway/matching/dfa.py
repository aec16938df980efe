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
from dataclasses import dataclass

from gateway.matching.nfa import NFA
from gateway.matching.tree import MatcherInvalid, Node

START = 0
DEAD = -1
"""Not a row: from here on, no text can match."""

MOST_STATES = 5_000


@dataclass(frozen=True, slots=True)
class DFA:
    """A table. ``rows[state][column]`` is the next state; column c is for code points from ``bounds[c-1]`` on."""

    bounds: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    accepting: frozenset[int]

    def accepts(self, text: str, state: int = START) -> bool:
        """Return whether the whole text matches, in time linear in its length."""
        bounds, rows = self.bounds, self.rows
        for character in text:
            state = rows[state][bisect_right(bounds, ord(character))]
            if state == DEAD:
                return False
        return state in self.accepting

    def advance(self, state: int, point: int) -> int:
        """Return the state after reading one code point."""
        return DEAD if state == DEAD else self.rows[state][bisect_right(self.bounds, point)]


def build_dfa(tree: Node) -> DFA:
    """Return the table of a tree; raises MatcherInvalid when it would be too large."""
    nfa = NFA(tree)
    points = (0, *nfa.bounds)
    state = nfa.first_state()
    numbers = {state: START}
    waiting = deque([state])
    rows: list[list[int]] = []
    while waiting:
        state = waiting.popleft()
        rows.append([])
        for point in points:
            following = nfa.next_state(state, point)
            if following.threads and following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
            rows[-1].append(numbers.get(following, DEAD))
        if len(numbers) > MOST_STATES:
            raise MatcherInvalid(f"Too complex: it needs more than {MOST_STATES} states")
    accepting = frozenset(number for state, number in numbers.items() if nfa.is_final(state.threads))
    return DFA(nfa.bounds, _prune_dead_states(rows, accepting), accepting)


def find_text(wanted: Sequence[DFA], unwanted: Sequence[DFA]) -> str | None:
    """Return a shortest text that all of ``wanted`` and none of ``unwanted`` accept, or None if there is none."""
    machines = (*wanted, *unwanted)
    points = sorted({0, *(bound for machine in machines for bound in machine.bounds)})
    first = (START,) * len(machines)
    texts = {first: ""}
    waiting = deque([first])
    while waiting:
        states = waiting.popleft()
        final = [state in machine.accepting for machine, state in zip(machines, states, strict=True)]
        if all(final[: len(wanted)]) and not any(final[len(wanted) :]):
            return texts[states]
        for point in points:
            following = tuple(machine.advance(state, point) for machine, state in zip(machines, states, strict=True))
            if DEAD not in following[: len(wanted)] and following not in texts:
                texts[following] = texts[states] + chr(point)
                waiting.append(following)
        if len(texts) > MOST_STATES:
            raise MatcherInvalid("Too complex to compare with the others")
    return None


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
