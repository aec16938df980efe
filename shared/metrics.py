"""What is counted, for Prometheus. Each application has a registry of its own, so that nothing is shared by import."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """The figures that every service keeps; labels come from closed sets, never from what a client typed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self._refusals = Counter(
            "gatepost_refusals_total",
            "Requests refused, by what was wrong with them or with their token",
            ["reason"],
            registry=self.registry,
        )
        self._feed_lag = Gauge(
            "gatepost_feed_lag_seconds",
            "Time since a feed of another service was last heard of",
            ["feed"],
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe_request(self, matcher: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (matcher, method if method in KNOWN_METHODS else "other", status)
        if key not in self._children:  # as many as there are labels; finding them anew costs more than counting
            labels = self._requests.labels(matcher, key[1], str(status))
            self._children[key] = (labels, self._seconds.labels(matcher))
        requests, duration = self._children[key]
        requests.inc()
        duration.observe(seconds)

    def count_refusal(self, reason: str) -> None:
        """Count one refused request; the reason is a word of ours."""
        self._refusals.labels(reason).inc()

    def count_list_queries(self) -> Counter:
        """Return the count of queries for lists, by the server that was asked: ``primary`` or ``standby``."""
        name, meaning = "gatepost_list_queries_total", "Queries for lists, by the server that was asked"
        return Counter(name, meaning, ["server"], registry=self.registry)

    def watch_feed(self, feed: str, find_lag: Callable[[], float]) -> None:
        """Show how many seconds ago a feed was last heard of."""
        self._feed_lag.labels(feed).set_function(find_lag)

    def watch_database(self, count_borrowed: Callable[[], float]) -> None:
        """Show how many connections to the database are in use."""
        name = "gatepost_database_connections_in_use"
        self.watch(name, "Connections to the database that are lent right now", count_borrowed)

    def watch(self, name: str, meaning: str, find_value: Callable[[], float]) -> None:
        """Show a figure that is found when somebody looks."""
        Gauge(name, meaning, registry=self.registry).set_function(find_value)
