"""What goes to an upstream of a request that passes: its head, written once and final. Pure.

Of the client's there is what ``headers`` lets cross, with the canonical path and the query as it came; the rest is the
gateway's own word: which request and trace it is, where it came from, and who asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.callers.client_address import Network, find_client
from gateway.policy.decision import Forward, RequestFacts
from gateway.wire.headers import Origin, RawHeader, RequestHeaders, encode_said
from gateway.wire.proxy import encode_head
from shared.request_context import RequestRecord, write_trace
from shared.session_cookie import CookieNames


@dataclass(frozen=True, slots=True)
class PublicSide:
    """How the world sees the gateway: its public URL, the values of Host that are served, the proxies ahead of it."""

    url: str
    hosts: frozenset[bytes]
    trusted_proxies: tuple[Network, ...]

    @property
    def scheme(self) -> str:
        """The public URL's scheme: what browsers speak, also where something ahead of us ends TLS."""
        return self.url.partition(":")[0]


class Outgoing:
    """Writes what upstreams get; ``cookie_names`` are those of NextAuth."""

    def __init__(self, public: PublicSide, cookie_names: CookieNames) -> None:
        self._trusted_proxies = public.trusted_proxies
        self._scheme = public.scheme
        self._cookie_names = cookie_names

    def encode_head(
        self,
        decision: Forward,
        facts: RequestFacts,
        headers: RequestHeaders,
        peer: str,
        record: RequestRecord,
        further: bytes = b"",
    ) -> bytes:
        """Return the head of a request as it is sent; ``further`` are header lines beside the usual ones."""
        path, query = facts.path.raw, facts.query
        origin = self.find_origin(facts.headers, peer, record)
        gets_all = decision.upstream is not None and decision.upstream.session_cookies
        dropped = None if gets_all else self._cookie_names
        said = encode_said(headers, origin, decision.token, dropped)
        return encode_head(facts.method, path + b"?" + query if query else path, headers.lines + said + further)

    def find_origin(self, headers: Iterable[RawHeader], peer: str, record: RequestRecord) -> Origin:
        """Return what upstreams are told of where a request came from, by its raw headers and its connection's peer."""
        client = find_client(peer, headers, self._trusted_proxies)
        return Origin(record.request_id, write_trace(record), client, self._scheme)
