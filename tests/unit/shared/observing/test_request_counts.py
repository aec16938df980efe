"""What is counted of requests."""

import pytest
from prometheus_client import CollectorRegistry

from shared.observing.request_counts import BOUNDS, RequestCounts


def test_requests_are_counted_by_route_method_and_status() -> None:
    """Each combination of labels has a count of its own."""
    counts, registry = _counting()
    counts.count("/a", "GET", 200, 0.1)
    counts.count("/a", "GET", 200, 0.1)
    counts.count("/a", "GET", 404, 0.1)
    labels = {"matcher": "/a", "method": "GET"}
    assert registry.get_sample_value("gatepost_requests_total", {**labels, "status": "200"}) == 2
    assert registry.get_sample_value("gatepost_requests_total", {**labels, "status": "404"}) == 1
    assert registry.get_sample_value("gatepost_requests_total", {**labels, "status": "500"}) is None


@pytest.mark.parametrize(("seconds", "first"), [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (60.0, "+Inf")])
def test_a_time_is_in_each_bucket_from_the_first_that_holds_it(seconds: float, first: str) -> None:
    """A bucket counts the times up to and with its bound."""
    counts, registry = _counting()
    counts.count("/a", "GET", 200, seconds)
    bounds = ["+Inf" if bound == float("inf") else str(bound) for bound in BOUNDS]
    names = {"le": "", "matcher": "/a"}
    found = [registry.get_sample_value("gatepost_request_seconds_bucket", {**names, "le": bound}) for bound in bounds]
    assert found == [float(position >= bounds.index(first)) for position in range(len(bounds))]
    assert registry.get_sample_value("gatepost_request_seconds_count", {"matcher": "/a"}) == 1
    assert registry.get_sample_value("gatepost_request_seconds_sum", {"matcher": "/a"}) == seconds


def _counting() -> tuple[RequestCounts, CollectorRegistry]:
    counts, registry = RequestCounts(), CollectorRegistry()
    registry.register(counts)
    return counts, registry
