"""The head that an upstream gets of a request that passes, written once and final. Pure.

From the client it has the headers that ``headers`` lets pass, the canonical path, and the query as it came. The rest is
the gateway's own: which request and trace it is, where it came from, and who is calling; the last is the client's where
the service has credentials of its own.
"""

from gateway.callers.client_address import choose_client
from gateway.policy.decision import Forward
from gateway.settings import PublicSide
from gateway.wire.headers import Origin, encode_lines, encode_own_headers
from gateway.wire.request_heads import RequestHead
from gateway.wire.websocket import UPGRADE_HEADERS
from shared.observing.request_context import RequestRecord, write_trace
from shared.tokens.session_cookie import CookieNames

_UPGRADE_LINES = encode_lines(UPGRADE_HEADERS)


class UpstreamHeads:
    """Writes the heads that upstreams get; ``cookie_names`` are those of NextAuth."""

    def __init__(self, public: PublicSide, cookie_names: CookieNames) -> None:
        self._trusted_proxies = public.trusted_proxies
        self._scheme = public.scheme
        self._cookie_names = cookie_names

    def choose_client(self, head: RequestHead, peer: str) -> str:
        """Return the address of the client that a request comes from."""
        return choose_client(peer, head.headers.raw, self._trusted_proxies)

    def encode(self, head: RequestHead, decision: Forward, peer: str, record: RequestRecord) -> bytes:
        """Return the head of a request as it is sent (RFC 9112, sections 3 and 5)."""
        line, passing = head.line, head.headers.passing
        assert line.path is not None
        assert passing is not None  # else it would have been refused
        client = record.client or self.choose_client(head, peer)
        origin = Origin(record.request_id, write_trace(record), client, self._scheme)
        gets_all = decision.upstream is not None and decision.upstream.session_cookies
        dropped = None if gets_all else self._cookie_names
        own = encode_own_headers(passing, origin, decision.token, dropped)
        own += encode_lines(decision.list_own_credentials(head.headers.raw))
        further = b"" if decision.websocket_key is None else _UPGRADE_LINES
        target = line.path.raw + b"?" + line.query if line.query else line.path.raw
        return b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (line.method.encode(), target, passing.lines, own, further)
