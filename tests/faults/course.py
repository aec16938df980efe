"""The course of a run: experiments on one stage after another. However it ends, there is a table of all of them.

A stage that can't be used, an experiment that raises, Ctrl-C, SIGTERM, the end of the time, a fault of the experiments'
own: each costs what it costs, and is the reason that the table names for what was not done.
"""

import asyncio
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Protocol

from tests.faults.experiments import Experiment, Outcome
from tests.faults.record import Record

FAILED = 1  # the exit status when something does not hold or was not run; of a signal: 128 and its number
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMOVED_WITHIN = 60.0  # seconds


class StageUnusable(Exception):
    """The place of the experiments did not come up, or served nobody, before any fault was done; the text says why."""


class Stage(Protocol):
    """Where experiments are done. ``end`` comes also when ``begin`` failed."""

    async def begin(self) -> None:
        """Come up, and raise StageUnusable when that can't be."""

    async def perform(self, experiment: Experiment) -> Outcome:
        """Do one experiment and judge it."""

    async def end(self) -> None:
        """Leave nothing behind."""


Group = tuple[Stage, Sequence[Experiment]]


def run_course(groups: Sequence[Group], record: Record, minutes: float | None = None) -> int:
    """Do all experiments, write the table whatever happens, and return the exit status. ``minutes``: then it ends."""
    status = FAILED
    try:
        status = asyncio.run(_run_until_told(groups, record, minutes))
    except BaseException as error:  # noqa: BLE001 - whatever it is, there is a table
        traceback.print_exc()
        record.end(f"the run broke off: {error!r}")
    record.end()
    return status or (0 if record.is_good() else FAILED)


async def _run_until_told(groups: Sequence[Group], record: Record, minutes: float | None) -> int:
    """Return 0, or the status of what ended the run too early."""
    loop, status = asyncio.get_running_loop(), 0
    running = asyncio.create_task(_run_groups(groups, record))
    running.add_done_callback(lambda done: done.cancelled() or done.exception())  # also where that ends the loop

    def end(code: int, reason: str) -> None:
        nonlocal status
        status = status or code
        record.end(reason)  # at once: who ends us may not wait for us to tidy up
        running.cancel()

    for each in SIGNALS:
        loop.add_signal_handler(each, end, 128 + each, f"{each.name} came")
    if minutes is not None:
        loop.call_later(minutes * 60, end, FAILED, f"the {minutes:g} minutes were over")
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()
    return status


async def _run_groups(groups: Sequence[Group], record: Record) -> None:
    for number, (stage, experiments) in enumerate(groups):
        try:
            await _run_group(stage, experiments, record)
        finally:
            if number == len(groups) - 1:
                record.end()  # nothing of it depends on what is removed
            await _remove(stage, record)


async def _run_group(stage: Stage, experiments: Sequence[Experiment], record: Record) -> None:
    try:
        await stage.begin()
        for experiment in experiments:
            sys.stdout.write(f"{experiment.title} ...\n")
            sys.stdout.flush()
            record.note(await stage.perform(experiment))
    except StageUnusable as reason:
        record.miss(experiments, str(reason))
    except Exception as error:  # noqa: BLE001 - other stages are still to come
        traceback.print_exc()
        record.miss(experiments, f"its stage failed: {error!r}")
    except BaseException as error:
        record.miss(experiments, f"the run broke off: {error!r}")
        raise


async def _remove(stage: Stage, record: Record) -> None:
    try:
        async with asyncio.timeout(REMOVED_WITHIN):
            await stage.end()
    except Exception as error:  # noqa: BLE001 - it is said, and the run goes on
        trouble = f"What an experiment had started could not be removed: {error!r}"
        record.troubles.append(trouble)
        sys.stdout.write(f"{trouble}\n")
