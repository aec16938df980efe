"""The command line: ``python -m faults [--short] [--keep] [NAME ...]``. Code 1 when a single oracle was breached."""

import argparse
import asyncio
import random
import socket
import sys
from collections.abc import Sequence

from faults.catalogue import EXPERIMENTS
from faults.containers import Containers
from faults.doors import Doors
from faults.experiments import Experiment, Outcome, Stand, run_experiment
from faults.table import draw_table, draw_verdict
from faults.traffic import Traffic
from faults.usage import Usage, read_usage

WARM_UP = 6.0  # seconds
REST = 7.0  # seconds until kept connections are closed: longer than any is kept
SHORT = 0.3


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m faults", description="Faults under load, and what came of them.")
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in EXPERIMENTS))
    parser.add_argument("--short", action="store_true", help="only the selection of the CI")
    parser.add_argument("--keep", action="store_true", help="leave the containers as they are at the end")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the random moments")  # noqa: S311
    options = parser.parse_args()
    chosen = [each for each in EXPERIMENTS if not options.names or each.name in options.names]
    chosen = [each for each in chosen if each.is_short or not options.short]
    outcomes = asyncio.run(run_all(chosen, seed=options.seed, is_short=options.short, keep=options.keep))
    sys.stdout.write(f"\n{draw_table(outcomes)}\nSeed {options.seed}.\n")
    sys.exit(any(outcome.breaches for outcome in outcomes))


async def run_all(chosen: Sequence[Experiment], *, seed: int, is_short: bool, keep: bool) -> list[Outcome]:
    """Run experiments one after another on one set of containers, and return what came of each."""
    containers = Containers(pick_port())
    await containers.down()
    outcomes = []
    try:
        await containers.up()
        before = await warm_up(containers, seed)
        for experiment in chosen:
            sys.stdout.write(f"{experiment.title} ...\n")
            async with Doors([containers.port]) as doors:
                stand = Stand(containers, doors, Traffic(doors, seed), seed, SHORT if is_short else 1.0)
                outcomes.append(await run_experiment(experiment, stand, before))
            sys.stdout.write(draw_verdict(outcomes[-1]))
    finally:
        if not keep:
            await containers.down()
    return outcomes


async def warm_up(containers: Containers, seed: int) -> Usage:
    """Let people use everything for a moment, and return what the services hold afterwards, at rest."""
    async with Doors([containers.port]) as doors:
        traffic = Traffic(doors, seed)
        async with traffic.running():
            await asyncio.sleep(WARM_UP)
        await asyncio.gather(*(doors.send("GET", "/api/posts", None, {}) for _ in range(64)))
        await asyncio.gather(*(person.sign_in() for person in traffic.people * 2))
    await asyncio.sleep(REST)
    return await read_usage(containers)


def pick_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
