"""A run of the experiments on a stage without containers: ``python -m tests.support.staged_faults WHAT [WHAT ...]``.

Each WHAT is a stage of two experiments, in which something goes wrong: see ``STAGES``. ``--within MINUTES`` ends it.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.containers import CommandFailed, Containers
from tests.faults.course import Group, StageUnusable, run_course
from tests.faults.doors import Doors
from tests.faults.experiments import Experiment, Outcome, Stand, run_experiment
from tests.faults.record import Record
from tests.faults.traffic import Traffic

IN_THE_MIDDLE = "in the middle of it"


async def holds(_: Stand) -> str:
    """Hold."""
    return ""


async def holds_too(_: Stand) -> str:
    """Hold as well."""
    return ""


class Standing:
    """A stage on which every experiment holds."""

    async def begin(self) -> None:
        """Come up."""

    async def perform(self, experiment: Experiment) -> Outcome:
        """Do nothing, and find nothing wrong."""
        return Outcome(experiment, 1, 0, 0.0, 0.0, "", [])

    async def end(self) -> None:
        """Leave nothing."""


class WithoutContainers(Standing):
    """A stage whose experiments find no containers: what is raised there is judged as in a real run."""

    async def perform(self, experiment: Experiment) -> Outcome:
        """Run it with people who can reach nobody."""
        doors = Doors([1])
        stand = Stand(Containers(1), doors, Broken(doors, 1), seed=1, directory=Path())
        return await run_experiment(experiment, stand, {})


class Broken(Traffic):
    """Traffic that is wrong itself."""

    def running(self) -> None:  # type: ignore[override]
        """Raise what no experiment foresees."""
        raise ZeroDivisionError("a fault of the experiment's own")


class Unusable(Standing):
    """A stage that does not come up."""

    async def begin(self) -> None:
        """Refuse."""
        raise StageUnusable("people were not served | before any fault")


class Crashing(Standing):
    """A stage that is wrong itself."""

    async def begin(self) -> None:
        """Raise what no stage foresees."""
        raise RuntimeError("a fault of the stage's own")


class Dying(Standing):
    """A stage whose process gets what no code of ours raises."""

    async def perform(self, experiment: Experiment) -> Outcome:
        """End the process, as a library may."""
        del experiment
        sys.exit(0)


class Waiting(Standing):
    """A stage that stays in its first experiment."""

    async def perform(self, experiment: Experiment) -> Outcome:
        """Say that it is there, and stay."""
        sys.stdout.write(f"{IN_THE_MIDDLE}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
        return await super().perform(experiment)


class Sticky(Standing):
    """A stage that can't be removed."""

    async def end(self) -> None:
        """Fail."""
        raise CommandFailed("docker does not answer")


STAGES: dict[str, type[Standing]] = {
    "standing": Standing,
    "raising": WithoutContainers,
    "unusable": Unusable,
    "crashing": Crashing,
    "dying": Dying,
    "waiting": Waiting,
    "sticky": Sticky,
}


def main(names: Sequence[str]) -> int:
    """Run the stages with these names."""
    minutes = float(names[-1]) if "--within" in names else None
    chosen: list[Experiment] = []
    groups: list[Group] = []
    for name in names[: names.index("--within")] if minutes is not None else names:
        experiments = [Experiment(holds), Experiment(holds_too)]
        chosen += [each for each in experiments if each not in chosen]
        groups.append((STAGES[name](), experiments))
    return run_course(groups, Record(chosen, closing="The end.\n"), minutes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
