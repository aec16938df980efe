"""The command line: ``python -m tests.faults --help`` tells it. Code 1 when a single oracle was breached."""

import argparse
import asyncio
import contextlib
import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.catalogue import EXPERIMENTS
from tests.faults.containers import CommandFailed, Containers
from tests.faults.doors import Doors
from tests.faults.experiments import REST, Experiment, Outcome, Stand, run_experiment
from tests.faults.people import NotServed
from tests.faults.replicas import write_replicas
from tests.faults.table import draw_table, draw_verdict
from tests.faults.traffic import Traffic
from tests.faults.usage import Usage, keep_memory, read_usage

WARM_UP = 6.0  # seconds
SHORT = 0.15


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Faults under load, and what came of them."
    )
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in EXPERIMENTS))
    parser.add_argument("--short", action="store_true", help="only the selection of the CI")
    parser.add_argument("--keep", action="store_true", help="leave the containers as they are at the end")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the random moments")  # noqa: S311
    parser.add_argument("--minutes", type=float, default=3.0, help="that the soak lasts")
    options = parser.parse_args()
    unknown = set(options.names) - {each.name for each in EXPERIMENTS}
    if unknown:
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    chosen = [each for each in EXPERIMENTS if not options.names or each.name in options.names]
    chosen = [each for each in chosen if each.is_short or not options.short]
    scale = SHORT if options.short else 1.0
    try:
        outcomes = asyncio.run(
            run_all(chosen, seed=options.seed, scale=scale, soak_minutes=options.minutes, keep=options.keep)
        )
    except StageUnusable as reason:
        sys.exit(f"No experiment could be done: {reason}")
    sys.stdout.write(f"\n{draw_table(outcomes)}\nSeed {options.seed}.\n")
    sys.exit(any(outcome.breaches for outcome in outcomes))


async def run_all(
    chosen: Sequence[Experiment], *, seed: int, scale: float, soak_minutes: float, keep: bool
) -> list[Outcome]:
    """Run experiments one after another, those with replicas on containers of their own; return what came of each."""
    port, second_port = pick_ports()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        alone = Containers(port)
        doubled = Containers(port, (*alone.files, write_replicas(Path(directory), second_port)))
        for containers, ports in ((alone, [port]), (doubled, [port, second_port])):
            group = [each for each in chosen if each.has_replicas == (containers is doubled)]
            if group:
                stage = Stage(containers, ports, seed, scale, Path(directory), soak_minutes)
                outcomes += await stage.run(group, keep=keep)
    return outcomes


class StageUnusable(Exception):
    """The containers did not come up, or served nobody, before any fault was done; the text says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Containers, fresh ones, on which experiments are run one after another."""

    containers: Containers
    ports: Sequence[int]
    seed: int
    scale: float
    directory: Path
    soak_minutes: float

    async def run(self, group: Sequence[Experiment], *, keep: bool) -> list[Outcome]:
        """Run experiments, say what comes of each, and return it."""
        outcomes = []
        await self.containers.down()
        try:
            before = await self._begin()
            for experiment in group:
                sys.stdout.write(f"{experiment.title} ...\n")
                sys.stdout.flush()
                async with Doors(self.ports) as doors:
                    outcomes.append(await run_experiment(experiment, self._prepare(doors), before))
                sys.stdout.write(draw_verdict(outcomes[-1]))
                if experiment.is_repeated:
                    with contextlib.suppress(CommandFailed):
                        before = keep_memory(before, await read_usage(self.containers))
        finally:
            if not keep:
                await self.containers.down()
        return outcomes

    def _prepare(self, doors: Doors) -> Stand:
        """Return what an experiment works with, with people of its own."""
        return Stand(
            containers=self.containers,
            doors=doors,
            traffic=Traffic(doors, self.seed),
            seed=self.seed,
            scale=self.scale,
            second_port=self.ports[-1],
            directory=self.directory,
            soak_minutes=self.soak_minutes,
        )

    async def _begin(self) -> Usage:
        """Start the containers, and return what the services hold at rest after some use; raises StageUnusable."""
        try:
            await self.containers.up()
            async with Doors(self.ports) as doors:
                await warm_up(Traffic(doors, self.seed))
            await asyncio.sleep(REST)
            return await read_usage(self.containers)
        except (CommandFailed, OSError) as failure:
            raise StageUnusable(f"the containers can't be used: {failure}") from None


async def warm_up(traffic: Traffic, seconds: float = WARM_UP) -> None:
    """Let people use everything for a moment; who is refused tries again. Raises StageUnusable."""
    try:
        async with traffic.running():
            await asyncio.sleep(seconds)
        # At once, so that all connections to the database are made that ever will be.
        await traffic.use_at_once(sign_ins=2, writes=6)
    except NotServed:
        refused = Counter(f"{one.what}: {one.status or 'no answer'}" for one in traffic.ledger.seen if one.is_failed)
        said = [*traffic.ledger.breaches, *(f"{what}, {times} times" for what, times in refused.items())]
        raise StageUnusable(f"people were not served before any fault was done: {'; '.join(said)}") from None


def pick_ports() -> tuple[int, int]:
    """Return two ports of 127.0.0.1 that are free now."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return int(one.getsockname()[1]), int(other.getsockname()[1])


if __name__ == "__main__":
    main()
