"""The metrics of the connections to a database, by server."""

from collections import Counter
from dataclasses import dataclass, field

from shared.observing.metrics import Metrics


@dataclass
class Connections:
    """Connections in a certain state."""

    pool_size: int
    borrowed: int
    opened: int
    failures: Counter[str] = field(default_factory=Counter)
    is_archiving_failing: bool = False

    def count_borrowed(self) -> int:
        """Return how many are lent."""
        return self.borrowed

    def count_open(self) -> int:
        """Return how many there are."""
        return self.opened


def test_each_server_has_its_own_figures() -> None:
    """Use, size, limit and failures are shown for the primary and for the standby, as they are at the scrape."""
    metrics, primary, standby = Metrics(), Connections(7, 2, 3), Connections(5, 0, 1)
    metrics.watch_database(primary)
    metrics.watch_database(standby, "standby")
    primary.failures["disk_full"] += 2
    primary.borrowed = 3
    primary.is_archiving_failing = True

    def read(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"gatepost_database_{name}", labels)

    for server, expected in (("primary", (3, 3, 7)), ("standby", (0, 1, 5))):
        names = ("connections_in_use", "connections_open", "connections_limit")
        assert tuple(read(name, server=server) for name in names) == expected
    assert [read("archive_failing", server=server) for server in ("primary", "standby")] == [1, 0]
    assert read("failures_total", server="primary", kind="disk_full") == 2
    assert read("failures_total", server="standby", kind="disk_full") == 0
    assert read("failures_total", server="primary", kind="timeout") == 0
