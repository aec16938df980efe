"""What an experiment is, what it gets to work with, and how it is run: traffic, fault, recovery, oracles.

An experiment is an async function that does a fault to the stand and undoes it; its docstring is its line in the table.
It raises PassLineMissed for what it asks beyond the oracles, and returns a figure of its own, or an empty string.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.containers import CommandFailed, Containers
from tests.faults.doors import Doors
from tests.faults.logs import find_log_faults
from tests.faults.people import NotServed
from tests.faults.traffic import BACK_WITHIN, Traffic
from tests.faults.usage import Usage, add_memory, keep_memory, read_usage, wait_until_back

PATIENCE = 900.0  # seconds for one experiment, the soak apart
REST = 7.0  # seconds until kept connections are closed: longer than any is kept


class PassLineMissed(Exception):
    """An experiment's own pass line was missed; the text says how."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What an experiment works with. ``scale`` is 1.0 in a full run, less in the short selection."""

    containers: Containers
    doors: Doors
    traffic: Traffic
    seed: int
    scale: float = 1.0
    second_port: int = 0  # of the second gateway, where there are replicas
    directory: Path = Path()  # for files that the containers read
    soak_minutes: float = 3.0

    def require(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Raise PassLineMissed unless something holds."""
        if not holds:
            raise PassLineMissed(otherwise)


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault to do. ``may_break``: requests may end without an answer, for the gateway itself is hit.

    ``is_seamless``: not a single request may fail. ``is_short``: a part of the short selection. ``has_replicas``: with
    two replicas of each service. ``has_small_disk``: with PostgreSQL's data on a disk that is soon full.
    ``is_repeated``: done twice, and memory is compared with that after the first time, for CPython keeps what it once
    took for many small objects, and uses it again. ``may_keep``: so many MiB a service may hold for longer, by design.
    """

    run: Callable[[Stand], Awaitable[str]]
    may_break: bool = False
    is_seamless: bool = False
    is_short: bool = False
    has_replicas: bool = False
    has_small_disk: bool = False
    is_repeated: bool = False
    may_keep: float = 0.0
    fires: tuple[str, ...] = ()  # the alerts of deploy/observe that must
    fires_at_length: tuple[str, ...] = ()  # those that must, too, if it is not the short form

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return self.run.__name__

    @property
    def title(self) -> str:
        """What it does, in a line."""
        return (self.run.__doc__ or self.name).partition("\n")[0].removesuffix(".")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an experiment: the counts of its traffic, its figure, and everything that must not be."""

    experiment: Experiment
    requests: int
    failed: int
    slowest: float
    back_after: float
    figure: str
    breaches: list[str]


async def run_experiment(experiment: Experiment, stand: Stand, before: Usage) -> Outcome:
    """Do the fault amid the traffic and judge what was seen by every oracle; ``before`` is the usage at rest.

    Whatever an experiment raises is a breach of it, and the next ones go on.
    """
    ledger = stand.traffic.ledger
    try:
        async with asyncio.timeout(PATIENCE + 60 * stand.soak_minutes):
            return await _judge(experiment, stand, before)
    except Exception as failure:  # noqa: BLE001 - an experiment of ours that is wrong, too
        if not isinstance(failure, NotServed | CommandFailed | OSError):
            traceback.print_exc()
        requests, failed, slowest = len(ledger.seen), ledger.failed, ledger.slowest
        breaches = [f"it could not be judged: {failure!r}", *ledger.breaches]
        return Outcome(experiment, requests, failed, slowest, 0.0, "", breaches)


async def _judge(experiment: Experiment, stand: Stand, before: Usage) -> Outcome:
    traffic, ledger, began = stand.traffic, stand.traffic.ledger, time.time()
    async with traffic.running():
        figure, missed = await _do(experiment, stand)
        if experiment.is_repeated and not missed:
            await asyncio.sleep(REST)
            before = keep_memory(before, await read_usage(stand.containers))
            figure, missed = await _do(experiment, stand)
        back_after = await traffic.find_recovery(time.monotonic())
    requests, failed, slowest = len(ledger.seen), ledger.failed, ledger.slowest
    if back_after > BACK_WITHIN:
        missed.append(f"requests still fail {back_after:.1f} s after the fault")
    if experiment.is_seamless and failed:
        missed.append(f"{failed} requests failed")
    if ledger.broken and not experiment.may_break:
        missed.append(f"{ledger.broken} requests were not answered")
    await traffic.check_ledger()
    await traffic.doors.hang_up()
    _, excess = await wait_until_back(stand.containers, add_memory(before, experiment.may_keep))
    breaches = [*missed, *ledger.breaches, *excess, *await find_log_faults(stand.containers, began, traffic)]
    return Outcome(experiment, requests, failed, slowest, back_after, figure, breaches)


async def _do(experiment: Experiment, stand: Stand) -> tuple[str, list[str]]:
    """Return the figure of an experiment, and what it missed."""
    try:
        return await experiment.run(stand), []
    except (PassLineMissed, CommandFailed) as missed:
        return "", [str(missed)]
    except (NotServed, OSError, EOFError) as failure:  # a timeout is an OSError
        return "", [f"a part of the experiment was not served: {failure!r}"]
