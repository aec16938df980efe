"""The policy in force, and the connection pools of its upstreams. Both change together, on SIGHUP.

A new policy that can't be used is refused as a whole: the old one stays in force, and the log says what is wrong.
Requests on their way keep their connections.
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from gateway.policy.rules import Policy, PolicyInvalid
from gateway.policy.upstreams import Upstream
from gateway.wire.limits import Limits
from gateway.wire.pool import UpstreamPool

log = structlog.get_logger("policy")


class CurrentPolicy:
    """Holds the policy that ``load`` last returned; raises PolicyInvalid where there is none to start with."""

    def __init__(self, load: Callable[[], Policy], limits: Limits) -> None:
        self._load = load
        self._limits = limits
        self.policy = load()
        self._pools = {upstream.name: self._create_pool(upstream) for upstream in self.policy.upstreams}

    @property
    def pools(self) -> list[UpstreamPool]:
        """All pools, in the order of the policy's upstreams."""
        return list(self._pools.values())

    def get_pool(self, upstream: str) -> UpstreamPool:
        """Return the pool of an upstream that a rule names."""
        return self._pools[upstream]

    def reload(self) -> None:
        """Put what ``load`` returns now in force, or keep the present policy."""
        try:
            policy = self._load()
        except PolicyInvalid as error:
            log.error("policy_refused", reason=str(error))  # noqa: TRY400 - the line says it all
            return
        before = {pool.upstream: pool for pool in self.pools}
        self._pools = {each.name: before.get(each) or self._create_pool(each) for each in policy.upstreams}
        self.policy = policy
        for upstream in before.keys() - set(policy.upstreams):
            before[upstream].close()
        log.info("policy_loaded", rules=len(policy.rules))

    def _create_pool(self, upstream: Upstream) -> UpstreamPool:
        return UpstreamPool(upstream, _grant(self._limits, upstream))

    def close(self) -> None:
        """Close the idle connections."""
        for pool in self._pools.values():
            pool.close()


def _grant(limits: Limits, upstream: Upstream) -> Limits:
    """Return the gateway's limits with what the policy says about an upstream."""
    return replace(
        limits,
        connect=upstream.connect_within or limits.connect,
        first_byte=upstream.answer_within or limits.first_byte,
        silence=upstream.silence or limits.silence,
        tunnel_silence=upstream.silence or limits.tunnel_silence,
        idle=upstream.idle or limits.idle,
        connections=upstream.connections or limits.connections,
    )
