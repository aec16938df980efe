"""The metrics of requests."""

import pytest
from prometheus_client import Histogram

from shared.observing.metrics import Metrics

NAMES = ["+Inf" if bound == float("inf") else str(bound) for bound in Histogram.DEFAULT_BUCKETS]


def test_requests_are_counted_by_route_method_and_status() -> None:
    """Each combination of labels has its own count; a method that is not one of HTTP's usual ones is ``other``."""
    metrics = Metrics()
    for method, status in (("GET", 200), ("GET", 200), ("GET", 404), ("BREW", 200), ("PROPFIND", 200)):
        metrics.observe_request("/a", method, status, 0.1)
    found = {
        (method, status): metrics.registry.get_sample_value(
            "gatepost_requests_total", {"matcher": "/a", "method": method, "status": status}
        )
        for method in ("GET", "other", "BREW")
        for status in ("200", "404")
    }
    assert {labels: count for labels, count in found.items() if count is not None} == {
        ("GET", "200"): 2,
        ("GET", "404"): 1,
        ("other", "200"): 2,
    }


@pytest.mark.parametrize(("seconds", "first"), [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (60.0, "+Inf")])
def test_a_time_is_in_each_bucket_from_the_first_that_holds_it(seconds: float, first: str) -> None:
    """A bucket counts the times up to and including its bound."""
    metrics = Metrics()
    metrics.observe_request("/a", "GET", 200, seconds)
    find = metrics.registry.get_sample_value
    found = [find("gatepost_request_seconds_bucket", {"le": name, "matcher": "/a"}) for name in NAMES]
    assert found == [float(position >= NAMES.index(first)) for position in range(len(NAMES))]
    assert find("gatepost_request_seconds_count", {"matcher": "/a"}) == 1
    assert find("gatepost_request_seconds_sum", {"matcher": "/a"}) == seconds
