"""The metrics that the services really have, asked of the services, built but not started."""

from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry

from auth_service.app import create_app as create_auth_app
from gateway.app import create_app as create_gateway_app
from gateway.settings import GatewaySettings
from posts_service.app import create_app as create_posts_app
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from tests.support.letters import WITH_MAIL
from tests.support.services import auth_settings, posts_settings

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@dataclass(slots=True)
class Known:
    """Names that a query may use."""

    metrics: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)

    def add(self, registry: CollectorRegistry) -> None:
        """Add those of a service."""
        for family in registry.collect():
            self.metrics |= {family.name + suffix for suffix in _SUFFIXES[family.type]}
            self.labels |= {label for sample in family.samples for label in sample.labels}
        for collector in registry._collector_to_names:  # noqa: SLF001 - where nothing was counted yet there are no samples
            self.labels |= set(getattr(collector, "_labelnames", ()))


def list_known() -> Known:
    """Return the names of all services."""
    known = Known()
    secrets = {name.lower(): value for name, value in SAMPLE_SECRETS.items()}
    for create_app in (
        partial(create_auth_app, auth_settings("postgresql://nobody", **WITH_MAIL)),
        partial(create_posts_app, posts_settings("postgresql://nobody")),
        partial(create_gateway_app, GatewaySettings.model_validate({"environment": "development", **secrets})),
    ):
        metrics = Metrics()
        create_app(metrics)
        metrics.register_loop_lag()  # what a running process has besides: ``shared.process.server``
        metrics.watch("gatepost_memory_limit_bytes", "", lambda: 1)
        metrics.observe_request("/", "GET", 200, 0.0)  # what is counted plainly has labels once there is something
        known.add(metrics.registry)
    return known
