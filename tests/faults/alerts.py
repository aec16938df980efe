"""Does the alert that should fire do so? A real Prometheus scrapes the containers while a fault is done to them.

It runs on this machine, which reaches the containers at their own addresses. These change when a container is made
anew, so they are looked up every few seconds. Its alerts have a twelfth of their times (``tests.support.prometheus``).
Where no Prometheus is installed no alert is looked for, and the figure says so.
"""

import asyncio
import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from tests.faults.containers import SECOND, CommandFailed, Containers
from tests.faults.experiments import Experiment, Outcome, Stand, run_experiment
from tests.faults.usage import Usage
from tests.support.prometheus import Prometheus, is_installed, running_prometheus

METRICS_PORTS = {"gateway": 3100, "auth_service": 8101, "posts_service": 8102}
LOOK_EVERY = 2.0  # seconds
SCRAPED_WITHIN = 30.0
LATER = 10.0  # seconds after the end in which an alert may still come: its time and two scrapes

Targets = dict[str, list[str]]


async def run_with_alerts(experiment: Experiment, stand: Stand, before: Usage) -> Outcome:
    """Do an experiment and judge it, and whether the alerts that it names fired."""
    if stand.scale >= 1:
        experiment = dataclasses.replace(experiment, fires=experiment.fires + experiment.fires_at_length)
    if not experiment.fires:
        return await run_experiment(experiment, stand, before)
    if not is_installed():
        outcome = await run_experiment(experiment, stand, before)
        return add_figure(outcome, "no Prometheus looked for alerts")
    began = time.monotonic()
    try:
        async with scraping(stand.containers) as prometheus:
            outcome = await run_experiment(experiment, stand, before)
            fired = await wait_for_alerts(prometheus, experiment.fires, began)
    except (RuntimeError, TimeoutError, CommandFailed) as failure:
        breach = f"no alert could be looked for: {failure}"
        return Outcome(experiment, 0, 0, 0.0, 0.0, "", [breach])
    return judge(outcome, fired)


def judge(outcome: Outcome, fired: Iterable[str]) -> Outcome:
    """Return an outcome with a breach for each alert that should have fired and did not."""
    missing = [alert for alert in outcome.experiment.fires if alert not in set(fired)]
    told = [alert for alert in outcome.experiment.fires if alert not in missing]
    breaches = [*outcome.breaches, *(f"{alert} did not fire" for alert in missing)]
    return dataclasses.replace(add_figure(outcome, " ".join(("alert:", *told)) if told else ""), breaches=breaches)


def add_figure(outcome: Outcome, figure: str) -> Outcome:
    """Return an outcome whose figure says something more."""
    return dataclasses.replace(outcome, figure="; ".join(filter(None, (outcome.figure, figure))))


async def wait_for_alerts(prometheus: Prometheus, expected: Iterable[str], began: float) -> set[str]:
    """Return what has fired since a moment, as soon as all that is expected has, or a while later."""
    deadline = time.monotonic() + LATER
    while True:
        fired = await asyncio.to_thread(prometheus.list_fired, time.monotonic() - began + 1)
        if set(expected) <= fired or time.monotonic() > deadline:
            return fired
        await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def scraping(containers: Containers) -> AsyncIterator[Prometheus]:
    """Give a Prometheus that scrapes the services of the containers, wherever they are from one moment to the next."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory, contextlib.ExitStack() as running:
        targets = await list_targets(containers)
        starting = running_prometheus(Path(directory), targets)
        prometheus = await asyncio.to_thread(running.enter_context, starting)
        count = sum(map(len, targets.values()))
        await asyncio.to_thread(
            prometheus.wait_until, lambda: len(prometheus.query("up == 1")) == count, SCRAPED_WITHIN
        )
        following = asyncio.create_task(_follow(containers, prometheus))
        try:
            yield prometheus
        finally:
            following.cancel()
            await asyncio.wait([following])


async def list_targets(containers: Containers) -> Targets:
    """Return where the metrics of each service are, by its job; all its replicas, running or not."""
    targets: Targets = {}
    for service in sorted(await containers.list_services()):
        job = service.removesuffix(SECOND)
        inspected = await containers.docker(
            "inspect", "--format", "{{json .NetworkSettings.Networks}}", await containers.get_id(service)
        )
        addresses = sorted(each["IPAddress"] for each in json.loads(inspected).values() if each["IPAddress"])
        if addresses:
            targets.setdefault(job, []).append(f"{addresses[0]}:{METRICS_PORTS[job]}")
    return targets


async def _follow(containers: Containers, prometheus: Prometheus) -> None:
    """Let the targets be where the containers are. One that is gone stays a target, and so is seen to be."""
    known = await list_targets(containers)
    while True:
        await asyncio.sleep(LOOK_EVERY)
        with contextlib.suppress(CommandFailed):
            found = {**known, **await list_targets(containers)}
            if found != known:
                known = found
                prometheus.set_targets(known)
