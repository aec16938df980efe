"""The stage of the experiments: fresh containers, used for a while, on which experiments are done one after another."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.alerts import run_with_alerts
from tests.faults.containers import CommandFailed, Containers
from tests.faults.course import StageUnusable
from tests.faults.doors import Doors
from tests.faults.experiments import REST, Experiment, Outcome, Stand
from tests.faults.people import NotServed
from tests.faults.traffic import Traffic
from tests.faults.usage import Usage, keep_memory, read_usage

WARM_UP = 6.0  # seconds


@dataclass(slots=True)
class ContainerStage:
    """Containers, fresh ones. ``usage`` is what the services hold at rest after some use."""

    containers: Containers
    ports: Sequence[int]
    seed: int
    scale: float
    directory: Path
    soak_minutes: float
    is_kept: bool = False
    usage: Usage | None = None

    async def begin(self) -> None:
        """Start the containers and use them for a moment; raises StageUnusable."""
        try:
            await self.containers.down()
            await self.containers.up()
            async with Doors(self.ports) as doors:
                await warm_up(Traffic(doors, self.seed))
            await asyncio.sleep(REST)
            self.usage = await read_usage(self.containers)
        except (CommandFailed, OSError) as failure:
            raise StageUnusable(f"the containers can't be used: {failure}") from None

    async def perform(self, experiment: Experiment) -> Outcome:
        """Do an experiment with people of its own, and judge it."""
        assert self.usage is not None
        async with Doors(self.ports) as doors:
            outcome = await run_with_alerts(experiment, self._prepare(doors), self.usage)
        if experiment.is_repeated or experiment.may_keep:
            with contextlib.suppress(CommandFailed):
                self.usage = keep_memory(self.usage, await read_usage(self.containers))
        return outcome

    async def end(self) -> None:
        """Remove the containers and their data, unless they are kept."""
        if not self.is_kept:
            await self.containers.down()

    def _prepare(self, doors: Doors) -> Stand:
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
