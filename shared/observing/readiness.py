"""Whether a service is ready, and what it lacks, for Prometheus: what ``/readyz`` says, asked at each scrape.

gatepost_ready                         1 while nothing is lacking
gatepost_lacking{reason="database"}    1 while a check names a lack
gatepost_remarked{about="mail"}        1 while a remark is made: something is wrong, but requests are served
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_Checks = Mapping[str, Callable[[], str | None]]


class Readiness(Collector):
    """The checks and remarks of a service; more may be added after it was built."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], str | None]] = {}
        self._remarks: dict[str, Callable[[], str | None]] = {}

    def add(self, checks: _Checks, remarks: _Checks) -> None:
        """Ask these too from now on."""
        self._checks |= checks
        self._remarks |= remarks

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what each check and each remark says now."""
        lacking = {name: check() is not None for name, check in self._checks.items()}
        yield GaugeMetricFamily("gatepost_ready", "Whether requests should be sent here", not any(lacking.values()))
        yield _tell("gatepost_lacking", "What keeps the service from being ready", "reason", lacking)
        remarked = {name: remark() is not None for name, remark in self._remarks.items()}
        yield _tell("gatepost_remarked", "What is wrong although requests are served", "about", remarked)


def _tell(name: str, meaning: str, label: str, said: Mapping[str, bool]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for value, holds in said.items():
        family.add_metric([value], holds)
    return family
