"""The head that an upstream gets of a request that passes, written once and final. Pure.

From the client it has the headers that ``headers`` lets pass, the canonical path, and the query as it came. The rest is
the gateway's own: which request and trace it is, where it came from, and who is calling, in the words of the rule.
"""

import time

from gateway.callers.client_address import choose_client
from gateway.callers.credentials import Credentials
from gateway.callers.identity_headers import drop_headers, list_identity
from gateway.messages.headers import Origin, encode_own_headers
from gateway.messages.lookup import Lookup
from gateway.messages.prefixes import strip_destinations
from gateway.messages.raw_headers import encode_lines, find_host_name
from gateway.messages.request_heads import RequestHead
from gateway.policy.decision import Forward
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.methods import METHODS
from gateway.policy.rules import Authorization, Cookies
from gateway.settings import PublicSide
from gateway.websockets.handshake import UPGRADE_HEADERS
from shared.observing.request_context import RequestRecord, write_trace

_UPGRADE_LINES = encode_lines(UPGRADE_HEADERS)


class UpstreamHeads:
    """Writes the heads that upstreams get; ``credentials`` know NextAuth's cookies.

    A client's own copies of the headers by which the policy in force names callers are left out, whatever the rule.
    """

    def __init__(self, public: PublicSide, credentials: Credentials, current: CurrentPolicy) -> None:
        self._current = current
        self._dropped_names: frozenset[str] = frozenset()
        self._kept_lines: Lookup[bytes] = Lookup(bytes)
        self._trusted_proxies = public.trusted_proxies
        self._scheme = public.scheme
        self._credentials = credentials
        self._cookie_names = credentials.cookie_names

    def choose_client(self, head: RequestHead, peer: str) -> str:
        """Return the address of the client that a request comes from."""
        return choose_client(peer, head.headers.raw, self._trusted_proxies)

    def encode(self, head: RequestHead, decision: Forward, peer: str, record: RequestRecord) -> bytes:
        """Return the head of a request as it is sent (RFC 9112, sections 3 and 5)."""
        line, passing = head.line, head.headers.passing
        assert passing is not None  # else it would have been refused
        lines = passing.lines
        if self._current.policy.identity_names:
            lines = self._drop_identity(self._current.policy.identity_names)[lines]
        if decision.rule.strip and line.method not in METHODS:
            lines = strip_destinations(lines, decision.rule.strip)
        client = record.client or self.choose_client(head, peer)
        origin = Origin(record.request_id, write_trace(record), client, self._scheme)
        gets_all = decision.upstream is not None and decision.upstream.session_cookies
        dropped = None if gets_all else self._cookie_names
        session = self._list_session_cookies(head, decision) if decision.rule.cookies is Cookies.SESSION else ()
        own = encode_own_headers(passing, origin, decision.token, dropped, session)
        if decision.upstream is not None and decision.upstream.told:
            own += decision.upstream.tell(find_host_name(head.headers.raw))
        if decision.rule.authorization is Authorization.OWN:
            own += encode_lines(decision.list_own_credentials(head.headers.raw))
        if decision.rule.identity and decision.user is not None:
            own += encode_lines(list_identity(decision.rule.identity, decision.user.claims))
        if decision.rule.strip:
            own += encode_lines([(b"x-forwarded-prefix", decision.rule.strip.encode("ascii"))])
        further = b"" if decision.websocket_key is None else _UPGRADE_LINES
        target = decision.path.raw + b"?" + line.query if line.query else decision.path.raw
        return b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (line.method.encode(), target, lines, own, further)

    def _list_session_cookies(self, head: RequestHead, decision: Forward) -> list[str]:
        """Return the session cookie if it is that of the caller: another's, or a forged one, does not go along."""
        user, headers = decision.user, head.headers.raw
        return self._credentials.list_session_cookies(user, headers, int(time.time())) if user is not None else []

    def _drop_identity(self, names: frozenset[str]) -> Lookup[bytes]:
        """Return the clients' lines without those that name a caller, remembered by their exact bytes."""
        if names is not self._dropped_names:
            encoded = {name.encode("ascii") for name in names}
            self._dropped_names, self._kept_lines = names, Lookup(lambda lines: drop_headers(lines, encoded))
        return self._kept_lines
