"""New connections to a replica of an upstream, within ``Limits.connect``.

Each address of a name gets its share of that time. For a moment, a name may also lead to a container that has just
gone, where nobody even refuses: the next address is another container's, which took its place.
"""

import asyncio
import ipaddress
import ssl

from gateway.policy.upstreams import Replica
from gateway.wire.fair_timeouts import fair_timeout_at
from gateway.wire.limits import Limits
from gateway.wire.upstream_connection import UpstreamConnection
from shared.process.name_lookups import NameLookups


class Connector:
    """Connects to the replicas of one upstream; ``tls`` is for those that are https."""

    def __init__(self, tls: ssl.SSLContext | None, limits: Limits) -> None:
        self._tls = tls
        self._limits = limits
        self._lookups = NameLookups()

    async def connect(self, replica: Replica) -> UpstreamConnection:
        """Return a new connection; raises OSError when there is none, or none in time."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._limits.connect
        async with fair_timeout_at(ends):
            if replica.port is None:
                connection = UpstreamConnection(replica, self._limits)
                await loop.create_unix_connection(lambda: connection, replica.host)
                return connection
            *others, last = await self._look_up(replica.host)
        for number, address in enumerate(others):
            try:
                share = (ends - loop.time()) / (len(others) + 1 - number)
                return await self._connect_to(address, replica.port, replica, loop.time() + share)
            except OSError:  # a timeout is one too
                continue
        return await self._connect_to(last, replica.port, replica, ends)

    async def _look_up(self, host: str) -> list[str]:
        """Return the addresses of a replica, one at least, in the order in which to try them."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return await self._lookups.look_up(host)
        return [host]

    async def _connect_to(self, address: str, port: int, replica: Replica, ends: float) -> UpstreamConnection:
        loop, connection = asyncio.get_running_loop(), UpstreamConnection(replica, self._limits)
        tls, name = (self._tls, replica.host) if replica.is_tls else (None, None)
        async with fair_timeout_at(ends):
            await loop.create_connection(lambda: connection, address, port, ssl=tls, server_hostname=name)
        return connection
