"""How many requests were answered, and how long they took: counted as plain numbers, told to Prometheus when it asks.

The counters of prometheus_client take a lock for each figure, which a request would pay for four times. Here one thread
counts, the event loop's; another may look at any time, and then finds a request in one figure that is not in the next
yet, never one that is lost.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BOUNDS = Histogram.DEFAULT_BUCKETS  # seconds, the last one infinite


@dataclass(slots=True)
class _Times:
    """The requests of one route: their seconds together, and how many took at most as long as each bound."""

    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))


class RequestCounts(Collector):
    """``gatepost_requests_total`` and ``gatepost_request_seconds``; labels come from closed sets."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, _Times] = {}

    def count(self, matcher: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        labels = (matcher, method, status)
        self._answered[labels] = self._answered.get(labels, 0) + 1
        times = self._times.get(matcher)
        if times is None:
            times = self._times[matcher] = _Times()
        times.seconds += seconds
        times.buckets[bisect_left(BOUNDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield both figures, for each route."""
        name, meaning = "gatepost_requests", "Requests answered, by route"
        answered = CounterMetricFamily(name, meaning, labels=["matcher", "method", "status"])
        for (matcher, method, status), requests in self._answered.copy().items():
            answered.add_metric([matcher, method, str(status)], requests)
        yield answered
        name, meaning = "gatepost_request_seconds", "Time from a request to the end of its answer, by route"
        durations = HistogramMetricFamily(name, meaning, labels=["matcher"])
        for matcher, times in self._times.copy().items():
            cumulative = zip(map(floatToGoString, BOUNDS), accumulate(times.buckets), strict=True)
            durations.add_metric([matcher], list(cumulative), times.seconds)
        yield durations
