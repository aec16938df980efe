"""Rounds: every contender is measured once in each, so that a disturbance of the machine hits all alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.benchmarks.figures import Sample
from tests.benchmarks.processes import read_cpu_seconds
from tests.benchmarks.wrk import Load, LoadInvalid

WARM_UP = 1  # seconds of load that are not counted


class Send(Protocol):
    """Loads something for that long with so many connections, and returns what it reached; or raises LoadInvalid."""

    def __call__(self, *, seconds: int, connections: int) -> Load:
        """Return what was reached."""


@dataclass(frozen=True, slots=True)
class Contender:
    """What is measured: its name, its own processes, those that work for it, and how it is loaded."""

    name: str
    own_pids: tuple[int, ...]
    pids_behind: tuple[int, ...]
    send: Send


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how hard to measure."""

    seconds: int
    rounds: int
    connections: int


def run_rounds(contenders: Sequence[Contender], effort: Effort, *, warm_up: int = WARM_UP) -> dict[str, list[Sample]]:
    """Return the samples of each contender, one for each round."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    if warm_up:
        for contender in contenders:
            take_sample(contender, seconds=warm_up, connections=effort.connections)
    for _ in range(effort.rounds):
        for contender in contenders:
            sample = take_sample(contender, seconds=effort.seconds, connections=effort.connections)
            samples[contender.name].append(sample)
    return samples


def take_sample(contender: Contender, *, seconds: int, connections: int) -> Sample:
    """Return one measurement of one contender, or raise LoadInvalid with its name."""
    own, behind = read_cpu_seconds(contender.own_pids), read_cpu_seconds(contender.pids_behind)
    try:
        load = contender.send(seconds=seconds, connections=connections)
    except LoadInvalid as error:
        raise LoadInvalid(f"{contender.name}: {error}") from error
    return Sample(load, read_cpu_seconds(contender.own_pids) - own, read_cpu_seconds(contender.pids_behind) - behind)
