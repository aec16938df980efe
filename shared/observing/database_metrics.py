"""How the pools of connections are doing, for Prometheus: read at each scrape, at no cost to those who use them."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.postgres.failures import KINDS


class Pool(Protocol):
    """The connections to one server of a database."""

    @property
    def pool_size(self) -> int:
        """The most there may be."""

    @property
    def failures(self) -> Mapping[str, int]:
        """How many uses failed since the start, by the word for why."""

    @property
    def is_archiving_failing(self) -> bool:
        """Whether the server can't archive its log."""

    def count_borrowed(self) -> int:
        """Return how many are lent right now."""

    def count_open(self) -> int:
        """Return how many there are."""


class DatabaseMetrics(Collector):
    """``gatepost_database_connections_in_use{server="primary"}`` and so on, for each pool that is added."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    def add(self, server: str, pool: Pool) -> None:
        """Show a pool from now on; its server is ``primary`` or ``standby``."""
        self._pools[server] = pool

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield each figure, for each pool."""
        name = "gatepost_database_connections"
        in_use = GaugeMetricFamily(f"{name}_in_use", "Connections to a database that are lent", labels=["server"])
        open_now = GaugeMetricFamily(f"{name}_open", "Connections to a database, lent or not", labels=["server"])
        limit = GaugeMetricFamily(f"{name}_limit", "The most connections to a database: POOL_SIZE", labels=["server"])
        labels = ["server", "kind"]
        failures = CounterMetricFamily("gatepost_database_failures", "Uses of a database that failed", labels=labels)
        name, meaning = "gatepost_database_archive_failing", "1 while a server can't archive its log"
        archive = GaugeMetricFamily(name, meaning, labels=["server"])
        for server, pool in self._pools.items():
            in_use.add_metric([server], pool.count_borrowed())
            open_now.add_metric([server], pool.count_open())
            limit.add_metric([server], pool.pool_size)
            archive.add_metric([server], pool.is_archiving_failing)
            for kind in KINDS:
                failures.add_metric([server, kind], pool.failures.get(kind, 0))
        yield from (in_use, open_now, limit, archive, failures)
