"""From samples to a table: medians over the rounds, and ratios taken within each round.

The rounds are interleaved (A B C, A B C, ...), so that a neighbour on the machine disturbs all alike; the ratio of two
servers is the median of their ratios round by round. Rates depend on the machine, ratios and CPU times hardly do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.wrk import Load


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: the load, and CPU seconds used meanwhile by the server itself and by the upstream behind it."""

    load: Load
    own_cpu: float
    upstream_cpu: float

    @property
    def own_cost(self) -> float:
        """Microseconds of CPU for one request in the server itself."""
        return self.own_cpu / max(self.load.requests, 1) * 1e6

    @property
    def upstream_cost(self) -> float:
        """Microseconds of CPU for one request in the upstream."""
        return self.upstream_cpu / max(self.load.requests, 1) * 1e6

    @property
    def cost(self) -> float:
        """Microseconds of CPU for one request in all processes that serve it."""
        return self.own_cost + self.upstream_cost

    @property
    def busy(self) -> float:
        """The share of the servers' core that the measured processes had."""
        return (self.own_cpu + self.upstream_cpu) / self.load.seconds


Samples = Mapping[str, Sequence[Sample]]
"""The samples of each server, in the order of the rounds."""


def draw_table(samples: Samples, yardsticks: Sequence[str]) -> str:
    """Return a Markdown table: a row for each server, a column of ratios for each yardstick."""
    return draw_rows(_head(yardsticks), (_describe(name, samples, yardsticks) for name in samples))


def draw_table_at(samples_at: Mapping[int, Samples], yardsticks: Sequence[str]) -> str:
    """Return the same for several numbers of connections, one below the other."""
    server, *rest = _head(yardsticks)
    rows = []
    for connections, samples in samples_at.items():
        for name in samples:
            own_name, *cells = _describe(name, samples, yardsticks)
            rows.append([own_name, str(connections), *cells])
    return draw_rows([server, "connections", *rest], rows)


def draw_cpu_table(samples: Samples, yardsticks: Sequence[str]) -> str:
    """Return a Markdown table of what a core of one's own would give, by the CPU time of a request."""
    rows = []
    for name, mine in samples.items():
        cost = _median_of(mine, lambda sample: sample.cost)
        ratios = (f"{find_cpu_ratio(samples, name, yardstick):.2f}" for yardstick in yardsticks)
        rows.append([name, f"{cost:.1f}", f"{1e6 / cost:,.0f}", *ratios])
    return draw_rows(["server", "CPU us", "requests/s", *(f"x {name}" for name in yardsticks)], rows)


def draw_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table: names at the left, figures at the right of their columns."""
    rule = "|---|" + "---:|" * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])


def find_ratio(samples: Samples, name: str, yardstick: str) -> float:
    """Return how many times the yardstick's rate a server reached: the median over the rounds."""
    pairs = zip(samples[name], samples[yardstick], strict=True)
    return median(sample.load.rate / other.load.rate for sample, other in pairs)


def find_cpu_ratio(samples: Samples, name: str, yardstick: str) -> float:
    """Return the same ratio by CPU time alone, upstream included: what a core of one's own would give."""
    pairs = zip(samples[name], samples[yardstick], strict=True)
    return median(other.cost / sample.cost for sample, other in pairs)


def find_own_cpu_ratio(samples: Samples, name: str, yardstick: str) -> float:
    """Return how many times the CPU time of the yardstick itself a server itself needs: the median over the rounds."""
    pairs = zip(samples[name], samples[yardstick], strict=True)
    return median(sample.own_cost / other.own_cost for sample, other in pairs)


def find_load_share(samples: Samples) -> float:
    """Return the largest share of its core that the load generator used. Near 1, the load was the limit."""
    return max(sample.load.busy for each in samples.values() for sample in each)


def _head(yardsticks: Sequence[str]) -> list[str]:
    ratios = (f"x {name}" for name in yardsticks)
    rest = ("p50 ms", "p99 ms", "own CPU us", "upstream CPU us", "core busy")
    return ["server", "requests/s", "spread", *ratios, *rest]


def _describe(name: str, samples: Samples, yardsticks: Sequence[str]) -> list[str]:
    mine = samples[name]
    rates = [sample.load.rate for sample in mine]
    return [
        name,
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        *(f"{find_ratio(samples, name, yardstick):.2f}" for yardstick in yardsticks),
        f"{_median_of(mine, lambda sample: sample.load.p50):.2f}",
        f"{_median_of(mine, lambda sample: sample.load.p99):.2f}",
        f"{_median_of(mine, lambda sample: sample.own_cost):.1f}",
        f"{_median_of(mine, lambda sample: sample.upstream_cost):.1f}",
        f"{_median_of(mine, lambda sample: sample.busy):.0%}",
    ]


def _median_of(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    return median(figure(sample) for sample in samples)
