"""What became of a run: an outcome or a reason for each experiment that was chosen, and the table of all of them.

The table is written once, as soon as the end is known: when somebody stops the run, before anything is tidied up.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.experiments import Experiment, Outcome
from tests.faults.table import draw_missing, draw_table, draw_verdict

NOT_REACHED = "the run ended before"


@dataclass(slots=True)
class Record:
    """What has come of the experiments so far. ``troubles`` are what else went wrong, beside them."""

    chosen: Sequence[Experiment]
    closing: str = ""  # a line below the table
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    is_written: bool = False

    def note(self, outcome: Outcome) -> None:
        """Take down what came of an experiment, and say it."""
        self.outcomes[outcome.experiment.name] = outcome
        _say(draw_verdict(outcome))

    def miss(self, experiments: Sequence[Experiment], reason: str) -> None:
        """Take down why those of the experiments that have no outcome yet have none; the first reason counts."""
        missing = [each for each in experiments if each.name not in self.outcomes and each.name not in self.reasons]
        self.reasons |= {each.name: reason for each in missing}
        if missing:
            _say(f"{len(missing)} experiments are not done: {reason}\n")

    def end(self, reason: str = NOT_REACHED) -> None:
        """Write the table, once; ``reason`` is why everything that has no outcome has none."""
        if self.is_written:
            return
        self.is_written = True
        for each in self.chosen:
            self.reasons.setdefault(each.name, reason)
        done = [self.outcomes[each.name] for each in self.chosen if each.name in self.outcomes]
        missing = [(each, self.reasons[each.name]) for each in self.chosen if each.name not in self.outcomes]
        troubles = "".join(f"{trouble}\n" for trouble in self.troubles)
        _say(f"\n{draw_table(done)}{draw_missing(missing)}{self._sum_up(done, len(missing))}\n{troubles}{self.closing}")

    def is_good(self) -> bool:
        """Tell whether every experiment was done and held, and nothing else went wrong."""
        are_done = all(each.name in self.outcomes for each in self.chosen)
        return are_done and not self.troubles and not any(outcome.breaches for outcome in self.outcomes.values())

    def _sum_up(self, done: Sequence[Outcome], missing: int) -> str:
        broken = sum(bool(outcome.breaches) for outcome in done)
        return f"{len(done) - broken} of {len(self.chosen)} hold, {broken} don't, {missing} were not run."


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
