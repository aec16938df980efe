"""What is counted, for Prometheus. Each application has a registry of its own, so that nothing is shared by import."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from http import HTTPMethod

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from shared.observing.database_metrics import DatabaseMetrics, Pool
from shared.observing.readiness import Readiness
from shared.observing.version import UNKNOWN, VERSION, find_commit
from shared.process.loop_lag import BUCKETS

KNOWN_METHODS = frozenset(HTTPMethod)


class Metrics:
    """The metrics that every service keeps; labels come from closed sets, never from what a client typed.

    ``count_lost_lines`` returns how many lines of the log could not be written; 0 where nothing counts them.
    """

    def __init__(self, count_lost_lines: Callable[[], int] = lambda: 0) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_LostLines(count_lost_lines))
        ProcessCollector(registry=self.registry)
        self._tell_build()
        self.readiness = Readiness()
        self.registry.register(self.readiness)
        self._databases: DatabaseMetrics | None = None
        self._requests = Counter(
            "gatepost_requests_total",
            "Requests answered, by route",
            ["matcher", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gatepost_request_seconds",
            "Time from a request to the end of its answer, by route",
            ["matcher"],
            registry=self.registry,
        )
        # By labels: to look those up costs more than to count.
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._refusals = Counter(
            "gatepost_refusals_total",
            "Requests refused, by what was wrong with them or with their token",
            ["reason"],
            registry=self.registry,
        )
        self._refused: dict[str, Counter] = {}
        self._feed_lag = Gauge(
            "gatepost_feed_lag_seconds",
            "Time since a feed of another service was last heard of",
            ["feed"],
            registry=self.registry,
        )
        self._chore_age = Gauge(
            "gatepost_housekeeping_age_seconds",
            "Time since a chore of housekeeping was last done",
            ["chore"],
            registry=self.registry,
        )
        self._skipped_entries = Counter(
            "gatepost_feed_entries_skipped_total",
            "Entries of a feed of another service that could not be read and were passed over",
            ["feed"],
            registry=self.registry,
        )

    def observe_request(self, matcher: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        labels = matcher, method if method in KNOWN_METHODS else "other", status
        counted = self._answered.get(labels)
        if counted is None:
            counted = self._answered[labels] = self._requests.labels(*labels), self._seconds.labels(matcher)
        requests, times = counted
        requests.inc()
        times.observe(seconds)

    def increment_refusals(self, reason: str) -> None:
        """Count one refused request; the reason is a word of ours."""
        counter = self._refused.get(reason)
        if counter is None:
            counter = self._refused[reason] = self._refusals.labels(reason)
        counter.inc()

    def register_list_queries(self) -> Counter:
        """Register and return the counter of queries for lists, by server: ``primary`` or ``standby``."""
        name, meaning = "gatepost_list_queries_total", "Queries for lists, by the server that was asked"
        return Counter(name, meaning, ["server"], registry=self.registry)

    def register_housekeeping(self, chores: Iterable[str]) -> Counter:
        """Register and return the counter of rows that housekeeping deleted, by chore."""
        name, meaning = "gatepost_housekeeping_rows_total", "Rows that housekeeping cleared away, by chore"
        counter = Counter(name, meaning, ["chore"], registry=self.registry)
        for chore in chores:
            counter.labels(chore)
        return counter

    def register_letters(self, kinds: Iterable[str], outcomes: Iterable[str]) -> Counter:
        """Register and return the counter of tries to send a letter, by its kind and by what became of it."""
        name, meaning = "gatepost_letters_total", "Letters sent, refused, retried and expired, by kind"
        counter = Counter(name, meaning, ["kind", "outcome"], registry=self.registry)
        for labels in itertools.product(kinds, outcomes):
            counter.labels(*labels)
        return counter

    def register_skipped_entries(self, feed: str) -> Callable[[], None]:
        """Return a function that counts an entry of a feed that could not be read and was skipped."""
        return self._skipped_entries.labels(feed).inc

    def register_clocks(self, limit: float) -> Gauge:
        """Register and return the gauge of how far the clocks of others are ahead of ours, by whose they are.

        ``limit`` is exported, too.
        """
        self.watch("gatepost_clock_offset_limit_seconds", "From which difference on a clock is off", lambda: limit)
        name, meaning = "gatepost_clock_offset_seconds", "How far another clock is ahead of this one"
        return Gauge(name, meaning, ["peer"], registry=self.registry)

    def watch_feed(self, feed: str, get_lag: Callable[[], float]) -> None:
        """Export how many seconds ago a feed was last heard from."""
        self._feed_lag.labels(feed).set_function(get_lag)

    def watch_database(self, pool: Pool, server: str = "primary") -> None:
        """Export how the connections to a server of the database are used: the ``primary`` or the ``standby``."""
        if self._databases is None:
            self._databases = DatabaseMetrics()
            self.registry.register(self._databases)
        self._databases.add(server, pool)

    def register_loop_lag(self) -> Histogram:
        """Register and return the histogram of how late the event loop is."""
        name, meaning = "gatepost_event_loop_lag_seconds", "By how much a pause of the event loop was too long"
        return Histogram(name, meaning, buckets=BUCKETS, registry=self.registry)

    def register_untrusted_forwarders(self) -> Counter:
        """Register and return the counter of requests that a peer forwarded which is not trusted to."""
        name, meaning = "gatepost_forwarders_not_trusted_total", "Requests by a forwarder that is not trusted"
        return Counter(name, meaning, registry=self.registry)

    def watch_chore(self, chore: str, get_age: Callable[[], float]) -> None:
        """Export how many seconds ago a chore of housekeeping was last done."""
        self._chore_age.labels(chore).set_function(get_age)

    def watch(self, name: str, meaning: str, find_value: Callable[[], float]) -> None:
        """Export a figure that is computed at each scrape."""
        Gauge(name, meaning, registry=self.registry).set_function(find_value)

    def _tell_build(self) -> None:
        labels = ["version", "commit"]
        build = Gauge("gatepost_build_info", "The release and the commit that run", labels, registry=self.registry)
        build.labels(VERSION, find_commit() or UNKNOWN).set(1)


class _LostLines(Collector):
    """``gatepost_log_lines_dropped_total``: counted elsewhere, and read at each scrape."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the count."""
        meaning = "Lines of the log that could not be written, because nothing took them"
        yield CounterMetricFamily("gatepost_log_lines_dropped", meaning, value=self._count())
