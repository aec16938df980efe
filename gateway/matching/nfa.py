"""Non-deterministic automata (NFA): a tree laid out as steps, and how threads move through them as a text is read.

1. A step reads one character, forks, looks around, or ends.
2. A *thread* stands at a step and has *duties*: look-aheads that are still open. A look-ahead is itself a set of
   threads, which read along. It holds once one of them has matched, and fails once none is left.
3. Look-behinds read along from the first character on, so at each position it is known whether they hold.
4. The *state* is all of this: a set of threads, and how far each look-behind has read. It is all that counts of the
   text so far.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.matching.tree import ANY, Chars, Choice, Look, MatcherInvalid, Node, Ranges, Repeat, Sequence

MOST_STEPS = 20_000
MOST_WORK = 300_000  # threads followed: a second or two, and only for a matcher that is refused in the end

Duty: TypeAlias = tuple[bool, "Threads"]
"""An open look-ahead: whether it is negated, and where its threads stand."""
Thread: TypeAlias = tuple[int, frozenset[Duty]]
Threads: TypeAlias = frozenset[Thread]


@dataclass(frozen=True, slots=True)
class State:
    """Where all threads stand, those of the text and those of each look-behind."""

    threads: Threads
    behinds: tuple[Threads, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    ranges: Ranges
    then: int


@dataclass(frozen=True, slots=True)
class _Fork:
    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Ahead:
    start: int
    negated: bool
    then: int


@dataclass(frozen=True, slots=True)
class _Behind:
    number: int
    negated: bool
    then: int


@dataclass(frozen=True, slots=True)
class _End:
    """The end: of the whole text, or of a look-ahead, whatever follows."""


_Step: TypeAlias = _Read | _Fork | _Ahead | _Behind | _End

_TEXT_END, _AHEAD_END = 0, 1
_SEEN: Thread = (_AHEAD_END, frozenset())


class NFA:
    """The steps of one tree; MatcherInvalid when there are too many, or too many threads move through them."""

    def __init__(self, tree: Node) -> None:
        self._steps: list[_Step] = [_End(), _End()]
        self._behinds: list[int] = []
        self._laid_out = 0
        self._work = 0
        self._start = self._lay_out(tree, _TEXT_END, in_behind=False)
        edges = [edge for step in self._steps if isinstance(step, _Read) for edge in step.ranges]
        self.bounds = tuple(sorted({point for low, high in edges for point in (low, high + 1)} - {0}))
        """The code points at which the set of steps that can read changes: between two of them, all are alike."""

    def list_kinds(self) -> list[int]:
        """Return a number for 0 and each of the bounds: equal ones where the same steps can read from there on."""
        read = {step.ranges for step in self._steps if isinstance(step, _Read)}
        readers = [
            frozenset(number for number, ranges in enumerate(read) if any(low <= point <= high for low, high in ranges))
            for point in (0, *self.bounds)
        ]
        numbers = {each: number for number, each in enumerate(dict.fromkeys(readers))}
        return [numbers[each] for each in readers]

    def first_state(self) -> State:
        """Return the state before the first character."""
        behinds = tuple(self._epsilon_closure([(start, frozenset())], ()) for start in self._behinds)
        return State(self._epsilon_closure([(self._start, frozenset())], self._which_hold(behinds)), behinds)

    def next_state(self, state: State, point: int) -> State:
        """Return the state after one more character."""
        behinds = tuple(self._advance(threads, point, ()) for threads in state.behinds)
        return State(self._advance(state.threads, point, self._which_hold(behinds)), behinds)

    def is_final(self, threads: Threads) -> bool:
        """Tell whether the text may end here: some thread is at its end, and each of its duties is fulfilled."""
        return any(
            isinstance(self._steps[step], _End) and all(self.is_final(ahead) != negated for negated, ahead in duties)
            for step, duties in threads
        )

    # Layout: each node becomes steps that lead to `then`; the first one is returned.

    def _add(self, step: _Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _lay_out(self, node: Node, then: int, *, in_behind: bool) -> int:
        self._laid_out += 1
        if self._laid_out > MOST_STEPS:
            raise MatcherInvalid(f"Too complex: it needs more than {MOST_STEPS} steps")
        match node:
            case Chars(ranges):
                return self._add(_Read(ranges, then))
            case Sequence(parts):
                for part in reversed(parts):
                    then = self._lay_out(part, then, in_behind=in_behind)
                return then
            case Choice(ways):
                return self._add(_Fork(tuple(self._lay_out(way, then, in_behind=in_behind) for way in ways)))
            case Repeat():
                return self._lay_out_repeat(node, then, in_behind=in_behind)
            case Look():
                if in_behind:
                    raise MatcherInvalid("A look-behind must not look around itself")
                return self._lay_out_look(node, then)

    def _lay_out_repeat(self, node: Repeat, then: int, *, in_behind: bool) -> int:
        if node.most is None:
            loop = self._add(_Fork(()))
            self._steps[loop] = _Fork((self._lay_out(node.body, loop, in_behind=in_behind), then))
            then = loop
        for _ in range(node.least, node.most or 0):
            then = self._add(_Fork((self._lay_out(node.body, then, in_behind=in_behind), then)))
        for _ in range(node.least):
            then = self._lay_out(node.body, then, in_behind=in_behind)
        return then

    def _lay_out_look(self, node: Look, then: int) -> int:
        if not node.behind:
            return self._add(_Ahead(self._lay_out(node.body, _AHEAD_END, in_behind=False), node.negated, then))
        anywhere_before = Sequence((Repeat(ANY, 0, None), node.body))
        self._behinds.append(self._lay_out(anywhere_before, _TEXT_END, in_behind=True))
        return self._add(_Behind(len(self._behinds) - 1, node.negated, then))

    # Moving. `holding` says of each look-behind whether it holds at this position.

    def _which_hold(self, behinds: tuple[Threads, ...]) -> tuple[bool, ...]:
        return tuple(self.is_final(threads) for threads in behinds)

    def _advance(self, threads: Threads, point: int, holding: tuple[bool, ...]) -> Threads:
        """Return where the threads stand after reading ``point``; those that cannot read it are gone."""
        moved: list[Thread] = []
        for step, duties in threads:
            then = self._step_after(step, point)
            kept = (
                None
                if then is None
                else self._keep(((negated, self._advance(ahead, point, holding)) for negated, ahead in duties))
            )
            if then is not None and kept is not None:
                moved.append((then, kept))
        return self._epsilon_closure(moved, holding)

    def _step_after(self, step: int, point: int) -> int | None:
        match self._steps[step]:
            case _Read(ranges, then) if any(low <= point <= high for low, high in ranges):
                return then
            case _End() if step == _AHEAD_END:
                return step
        return None

    def _epsilon_closure(self, threads: Iterable[Thread], holding: tuple[bool, ...]) -> Threads:
        """Follow all steps that read nothing; return the threads that wait for a character, or for the end."""
        waiting = list(threads)
        seen = set(waiting)
        settled: set[Thread] = set()
        while waiting:
            self._increment_work()
            thread = waiting.pop()
            following = self._follow(thread, holding)
            if following is None:
                settled.add(thread)
                continue
            waiting += following - seen
            seen |= following
        return _drop_redundant(settled)

    def _follow(self, thread: Thread, holding: tuple[bool, ...]) -> set[Thread] | None:
        """Return the threads that this one becomes without reading, or None if it has to wait."""
        step, duties = thread
        match self._steps[step]:
            case _Fork(ways):
                return {(way, duties) for way in ways}
            case _Behind(number, negated, then):
                return {(then, duties)} if holding[number] != negated else set()
            case _Ahead(start, negated, then):
                kept = self._keep([*duties, (negated, self._epsilon_closure([(start, frozenset())], holding))])
                return set() if kept is None else {(then, kept)}
        return None

    def _keep(self, duties: Iterable[Duty]) -> frozenset[Duty] | None:
        """Return the duties that are still open, or None as soon as one has failed."""
        still_open: set[Duty] = set()
        for negated, ahead in duties:
            if ahead and _SEEN not in ahead:
                still_open.add((negated, ahead))
            elif bool(ahead) == negated:
                return None
        return frozenset(still_open)

    def _increment_work(self) -> None:
        self._work += 1
        if self._work > MOST_WORK:
            raise MatcherInvalid("Too complex: it needs too many steps to tabulate")


def _drop_redundant(threads: set[Thread]) -> Threads:
    """Leave out each thread with all the duties of another at its step, and more. It keeps tables small."""
    fewest: dict[int, list[frozenset[Duty]]] = {}
    for step, duties in sorted(threads, key=lambda thread: len(thread[1])):
        kept = fewest.setdefault(step, [])
        if not any(fewer <= duties for fewer in kept):
            kept.append(duties)
    return frozenset((step, duties) for step, choices in fewest.items() for duties in choices)
