"""What is counted, for Prometheus. Each application has a registry of its own, so that nothing is shared by import."""

from prometheus_client import CollectorRegistry, Counter, Histogram

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

    def observe_request(self, matcher: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        label = method if method in KNOWN_METHODS else "other"
        self._requests.labels(matcher, label, str(status)).inc()
        self._seconds.labels(matcher).observe(seconds)
