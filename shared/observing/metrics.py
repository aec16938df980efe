"""What is counted, for Prometheus. Each application has a registry of its own, so that nothing is shared by import."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPMethod

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

KNOWN_METHODS = frozenset(HTTPMethod)


class Metrics:
    """The metrics that every service keeps; labels come from closed sets, never from what a client typed.

    ``count_lost_lines`` returns how many lines of the log could not be written; 0 where nothing counts them.
    """

    def __init__(self, count_lost_lines: Callable[[], int] = lambda: 0) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_LostLines(count_lost_lines))
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

    def register_letters(self) -> Counter:
        """Register and return the counter of tries to send a letter, by its kind and by what became of it."""
        name, meaning = "gatepost_letters_total", "Letters sent, refused, retried and expired, by kind"
        return Counter(name, meaning, ["kind", "outcome"], registry=self.registry)

    def register_skipped_entries(self, feed: str) -> Callable[[], None]:
        """Return a function that counts an entry of a feed that could not be read and was skipped."""
        return self._skipped_entries.labels(feed).inc

    def watch_feed(self, feed: str, get_lag: Callable[[], float]) -> None:
        """Export how many seconds ago a feed was last heard from."""
        self._feed_lag.labels(feed).set_function(get_lag)

    def watch_database(self, count_borrowed: Callable[[], float]) -> None:
        """Export how many connections to the database are in use."""
        name = "gatepost_database_connections_in_use"
        self.watch(name, "Connections to the database that are lent right now", count_borrowed)

    def watch(self, name: str, meaning: str, find_value: Callable[[], float]) -> None:
        """Export a figure that is computed at each scrape."""
        Gauge(name, meaning, registry=self.registry).set_function(find_value)


class _LostLines(Collector):
    """``gatepost_log_lines_dropped_total``: counted elsewhere, and read at each scrape."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the count."""
        meaning = "Lines of the log that could not be written, because nothing took them"
        yield CounterMetricFamily("gatepost_log_lines_dropped", meaning, value=self._count())
