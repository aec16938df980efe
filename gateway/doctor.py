"""``python -m gateway doctor``: the gateway's settings, its policy, the auth service, its upstreams, the public URL."""

import asyncio
from collections.abc import Iterator

from gateway.app import load_kept_policy
from gateway.policy.rules import PolicyInvalid
from gateway.policy.upstreams import Replica
from gateway.public_url import examine_public_url
from gateway.settings import GatewaySettings
from shared.auth_events.contract import GATEWAY
from shared.doctor.findings import Finding, looks_at, ok, problem
from shared.doctor.process import examine_process
from shared.doctor.setting_comparison import examine_auth_service

SHORTEST_PREFIX = 8  # bits; a larger network, such as 0.0.0.0/0, trusts strangers as proxies
CONNECT_TIMEOUT = 2.0  # seconds


async def examine(settings: GatewaySettings) -> list[Finding]:
    """Return all that is to be said about a gateway."""
    return [
        *_judge_proxies(settings),
        *await _examine_policy(settings),
        *await examine_auth_service(GATEWAY, settings),
        *await examine_process(settings),
        *await examine_public_url(settings),
    ]


def _judge_proxies(settings: GatewaySettings) -> Iterator[Finding]:
    for network in settings.trusted_proxies:
        if network.prefixlen < SHORTEST_PREFIX:
            says = f"TRUSTED_PROXIES has {network}: anybody can say that a request is somebody else's"
            yield problem("proxies", says, "name the addresses of your proxies alone")


@looks_at("policy")
async def _examine_policy(settings: GatewaySettings) -> list[Finding]:
    try:
        policy = load_kept_policy(settings)
    except PolicyInvalid as error:
        return [problem("policy", f"GATEWAY_RULES: {error}", "correct it; the gateway in use keeps the policy it has")]
    found = [ok("policy", f"{settings.gateway_rules} has {len(policy.rules)} rules that can be used")]
    tries = [_try(upstream.name, replica) for upstream in policy.upstreams for replica in upstream.replicas]
    return [*found, *await asyncio.gather(*tries)]


async def _try(name: str, replica: Replica) -> Finding:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            if replica.port is None:
                _, writer = await asyncio.open_unix_connection(replica.host)
            else:
                _, writer = await asyncio.open_connection(replica.host, replica.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        return problem(
            "upstreams", f"{name} can't be reached at {replica}: {reason}", "start it, or correct its address"
        )
    return ok("upstreams", f"{name} listens at {replica}")
