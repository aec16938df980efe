"""The measurements through the gateway as text: what was aimed at, each kind in full, one tree beside another. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from tests.benchmarks.figures import (
    Samples,
    draw_rows,
    draw_table_at,
    find_cpu_ratio,
    find_own_cpu_ratio,
    find_ratio,
)
from tests.benchmarks.kinds import Kind

Found = dict[Kind, dict[int, Samples]]
"""The samples of each kind of request, by the number of connections."""


def draw_aims_through(found: Found, names: Sequence[str]) -> str:
    """Return what was reached beside what was aimed at, for each side."""
    rows = [
        (_name_ratio(kind), str(connections), kind.aim, *(_say_reached(kind, samples, name) for name in names))
        for kind, connections, samples in _list_all(found)
    ]
    return draw_rows(["request through the gateway", "connections", "aim", *names], rows)


def draw_kind(kind: Kind, samples_at: Mapping[int, Samples], others: Sequence[str] = ()) -> str:
    """Return the table of one kind; ``others`` are yardsticks, too."""
    return draw_table_at(samples_at, [*(kind.peers if kind.by_rate else ()), *others])


def draw_beside(found: Found, names: Sequence[str], other_names: Sequence[str]) -> str:
    """Return for each side how its rate and its CPU times compare to those of the other tree's."""
    head = [f"{name}: {what}" for name in names for what in ("rate", "own CPU us", "CPU us behind")]
    rows = [
        (
            kind.title,
            str(connections),
            *(cell for name, other in zip(names, other_names, strict=True) for cell in _compare(samples, name, other)),
        )
        for kind, connections, samples in _list_all(found)
    ]
    return draw_rows(["request through the gateway", "connections", *head], rows)


def _compare(samples: Samples, name: str, other: str) -> tuple[str, str, str]:
    own, own_before = (median(sample.own_cost for sample in samples[each]) for each in (name, other))
    behind, behind_before = (median(sample.upstream_cost for sample in samples[each]) for each in (name, other))
    return (
        f"x {find_ratio(samples, name, other):.2f}",
        f"{own_before:.0f} -> {own:.0f}",
        f"{behind_before:.0f} -> {behind:.0f}",
    )


def _say_reached(kind: Kind, samples: Samples, name: str) -> str:
    if not kind.by_rate:
        return f"{find_own_cpu_ratio(samples, name, kind.yardstick):.2f}"
    return (
        f"{find_ratio(samples, name, kind.yardstick):.2f} "
        f"({find_cpu_ratio(samples, name, kind.yardstick):.2f} by CPU time)"
    )


def _name_ratio(kind: Kind) -> str:
    return f"{kind.title}{'' if kind.by_rate else ', own CPU time'}: x {kind.yardstick}"


def _list_all(found: Found) -> Iterable[tuple[Kind, int, Samples]]:
    return ((kind, number, samples) for kind, each in found.items() for number, samples in each.items())
