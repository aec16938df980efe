"""Signs in the traffic that the operator forgot a setting: each is logged at most once an hour.

1. ``host_not_served``: a request for a host that is not served. ``NEXTAUTH_URL`` may not be what browsers open.
2. ``forwarder_not_trusted``: ``X-Forwarded-For`` from a peer that is not trusted, so that all clients behind it count
   as one. Anybody can send the header: the line names the peer, and leaves the conclusion to the operator.

Clients choose what they send. So the number of lines per minute is limited: made-up hosts fill neither the log nor the
memory, and hide a real one until a minute after they stop. Health probes may ask for any host. Metrics count all
requests of both kinds.
"""

import time
from collections.abc import Callable

import structlog

from gateway.callers.client_address import is_trusted
from gateway.messages.headers import HostNotServed
from gateway.messages.request_heads import RequestHead
from gateway.policy.rules import PROBES
from gateway.settings import PublicSide

MOST_A_MINUTE = 5  # hosts, and peers
AGAIN = 3600.0  # seconds, after which the same is told once more
MINUTE = 60.0
LONGEST_TOLD = 200  # characters of a host

_PROBES = frozenset(path.encode() for path in PROBES)

log = structlog.get_logger("gateway")


class Notices:
    """Tells of hosts and of peers; ``count_forwarded`` is called for each request by such a peer."""

    def __init__(
        self, public: PublicSide, count_forwarded: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take a clock of seconds, too."""
        self._public = public
        self._count_forwarded = count_forwarded
        self._clock = clock
        self._hosts = _Told()
        self._peers = _Told()

    def look_at(self, head: RequestHead, peer: str) -> None:
        """Tell what is to be told about a request; ``peer`` is the address that it came from."""
        refusal = head.headers.refusal
        if isinstance(refusal, HostNotServed) and head.line.raw_path not in _PROBES:
            self._tell_host(refusal.host[:LONGEST_TOLD].decode("latin-1"))
        if head.headers.is_forwarded and peer and not is_trusted(peer, self._public.trusted_proxies):
            self._count_forwarded()
            self._tell_peer(peer.removeprefix("::ffff:"))

    def _tell_host(self, host: str) -> None:
        if not self._hosts.take(host, self._clock()):
            return
        remedy = f"if browsers open it, set NEXTAUTH_URL to that address, or add {host} to GATEWAY_HOSTS"
        error = f"somebody asks the host {host}, and NEXTAUTH_URL is {self._public.url}: {remedy}"
        log.warning("host_not_served", host=host, error=error)

    def _tell_peer(self, peer: str) -> None:
        if not self._peers.take(peer, self._clock()):
            return
        before = ",".join(map(str, self._public.trusted_proxies))
        setting = f"TRUSTED_PROXIES={before},{peer}" if before else f"TRUSTED_PROXIES={peer}"
        error = f"{peer} sends X-Forwarded-For and is not trusted, so all clients behind it count as one"
        log.warning("forwarder_not_trusted", peer=peer, error=f"{error}: if it is your proxy, set {setting}")


class _Told:
    """What was told, and when: forgotten after ``AGAIN``."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        self._since = float("-inf")
        self._count = 0

    def take(self, told: str, now: float) -> bool:
        """Tell whether something is to be told now, and note that it is."""
        if now - self._since >= MINUTE:
            self._since, self._count = now, 0
            self._times = {each: at for each, at in self._times.items() if now - at < AGAIN}
        if told in self._times or self._count >= MOST_A_MINUTE:
            return False
        self._times[told] = now
        self._count += 1
        return True
