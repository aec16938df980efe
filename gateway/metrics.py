"""How the upstreams are doing, for Prometheus: read at each scrape, for the policy in force at that moment."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.policy.in_force import CurrentPolicy

_FIGURES = {
    "running": "Requests on their way to an upstream",
    "waiting": "Requests that wait for a connection to an upstream",
    "replicas": "Replicas of an upstream that the policy names",
    "resting": "Replicas of an upstream that are left alone for a moment: not reached, or about to end",
}


class UpstreamMetrics(Collector):
    """``gatepost_upstream_running{upstream="posts"}`` and so on."""

    def __init__(self, current: CurrentPolicy) -> None:
        self._current = current

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each figure, for each upstream."""
        states = {pool.name: pool.describe() for pool in self._current.pools}
        for name, meaning in _FIGURES.items():
            family = GaugeMetricFamily(f"gatepost_upstream_{name}", meaning, labels=["upstream"])
            for upstream, state in states.items():
                family.add_metric([upstream], getattr(state, name))
            yield family
