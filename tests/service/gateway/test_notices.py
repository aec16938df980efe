"""What the gateway tells its operator, once for each: a host that is not served, a proxy that is not trusted."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path

from structlog.testing import capture_logs

from tests.support.gateway_in_process import RunningGateway, running_gateway

CLOSE = "Connection: close\r\n\r\n"
FORWARDED = f"X-Forwarded-For: 203.0.113.7\r\n{CLOSE}"


async def tell(gateway: RunningGateway, event: str, heads: Sequence[str]) -> list[str]:
    """Send requests, each with its end of a head, and return what was said under an event."""
    with capture_logs() as logs:
        for head in heads:
            await gateway.send_raw(head.replace("HOST", gateway.host).encode())
    assert all(log["log_level"] == "warning" for log in logs if log["event"] == event)
    return [log["error"] for log in logs if log["event"] == event]


def count(gateway: RunningGateway, name: str, **labels: str) -> float:
    """Return a figure as it stands now."""
    return gateway.metrics.registry.get_sample_value(name, labels) or 0


async def test_a_host_that_is_not_served_is_told_once(gateway: RunningGateway) -> None:
    """The line names the host, what is served, and the settings; a probe, and a host that is served, are none of it."""
    asked = [f"GET / HTTP/1.1\r\nHost: app.example\r\n{CLOSE}"] * 3
    others = [f"GET /livez HTTP/1.1\r\nHost: 10.1.2.3\r\n{CLOSE}", f"GET / HTTP/1.1\r\nHost: HOST\r\n{CLOSE}"]
    (said,) = await tell(gateway, "host_not_served", [*asked, *others])
    assert said == (
        f"somebody asks the host app.example, and NEXTAUTH_URL is http://{gateway.host}: if browsers open it, set"
        " NEXTAUTH_URL to that address, or add app.example to GATEWAY_HOSTS"
    )


async def test_a_forwarder_that_is_not_trusted_is_told_once(gateway: RunningGateway) -> None:
    """The line names the address, and how the setting is to be where it is that of a proxy of one's own."""
    asked = [f"GET / HTTP/1.1\r\nHost: HOST\r\n{FORWARDED}"] * 3
    (said,) = await tell(gateway, "forwarder_not_trusted", [f"GET / HTTP/1.1\r\nHost: HOST\r\n{CLOSE}", *asked])
    assert said == (
        "127.0.0.1 sends X-Forwarded-For and is not trusted, so all clients behind it count as one:"
        " if it is your proxy, set TRUSTED_PROXIES=127.0.0.1"
    )
    assert count(gateway, "gatepost_forwarders_not_trusted_total") == 3


async def test_requests_to_other_hosts_are_counted(gateway: RunningGateway) -> None:
    """A request to a host that is not served is a refusal of its own kind, however often it was told."""
    await tell(gateway, "host_not_served", [f"GET / HTTP/1.1\r\nHost: app.example\r\n{CLOSE}"] * 3)
    assert count(gateway, "gatepost_refusals_total", reason="host_not_served") == 3


async def test_one_that_is_trusted_is_no_matter(rules: Path) -> None:
    """Nothing is said of a proxy that the setting names."""
    trusted = (ipaddress.ip_network("127.0.0.1"),)
    async with running_gateway(rules, trusted_proxies=trusted) as gateway:  # type: ignore[arg-type] # as it is parsed
        assert await tell(gateway, "forwarder_not_trusted", [f"GET / HTTP/1.1\r\nHost: HOST\r\n{FORWARDED}"]) == []
