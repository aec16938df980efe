"""Which headers pass the gateway, which stop here, and which it sets. Pure, on raw headers with lower-case names.

From a client (``read_passing_headers``, ``encode_own_headers``):

1. At most 64 headers and 16 KiB (431). One whose name has ``_`` stops here: servers behind may read it as ``-``.
2. Exactly one Host, from the allowed list (RFC 9112, 3.2). The length of the body has one reading:
   ``Transfer-Encoding`` is exactly ``chunked`` and never beside ``Content-Length`` (RFC 9112, 6.1; request smuggling).
3. Hop-by-hop headers, and those that ``Connection`` names, stop here (RFC 9110, 7.6.1). Naming one that matters is
   refused: a client must not remove what the gateway or the upstream relies on.
4. Headers that an upstream could take for the gateway's own stop here: who the client is, how it came, which user,
   which path or method was meant. The gateway sets them itself.
5. The trace continues: the gateway sets ``traceparent`` itself, and ``tracestate`` passes only beside a valid one.
6. ``Authorization`` stops here too: what the upstream gets is for the rule to say, and for ``upstream_head`` to write.
   NextAuth's cookies go only to the service that issues them.

From an upstream (``keep_answer_headers``): hop-by-hop headers, ``Server``, ``Date`` (this server sets one) and
``X-Request-ID`` (the request's own is set) stop here. Where there is no body, no length is announced.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.messages.raw_headers import RawHeader, encode_lines, list_words
from gateway.wire.limits import MAX_HEAD, MAX_HEADERS
from shared.errors import BadRequest, HeadersTooLarge
from shared.language.sentences import Sentence
from shared.observing.trace_context import read_traceparent
from shared.tokens.session_cookie import BLANKS, CookieNames

_HOP_BY_HOP = frozenset(
    b"""
    connection keep-alive proxy-connection proxy-authenticate proxy-authorization
    te trailer transfer-encoding upgrade http2-settings
    """.split()
)
_TRACE = frozenset({b"traceparent", b"tracestate"})
_SET_HERE = frozenset({b"authorization", b"content-length", b"cookie", b"expect", b"host", b"x-request-id"}) | _TRACE
_CLAIMS = frozenset(
    b"""
    x-http-method x-http-method-override x-method-override
    forwarded forwarded-for x-forwarded proxy x-host x-http-host-override x-script-name x-scheme
    x-real-ip client-ip x-client-ip x-cluster-client-ip true-client-ip cf-connecting-ip
    fastly-client-ip x-azure-clientip x-envoy-external-address x-originating-ip
    x-proxyuser-ip x-user client-cert client-cert-chain x-client-cert x-arr-clientcert
    gatepost-lacks
    """.split()
)
_CLAIM_PREFIXES = tuple(
    b"""
    x-forwarded- x-original- x-rewrite- x-middleware- x-user- x-auth- remote-
    x-remote- x-authenticated- x-webauth- ssl-client- x-ssl-client-
    cf-access- tailscale-user- x-amzn-oidc- x-authentik- x-consumer- x-credential-
    x-goog-authenticated-user- x-goog-iap- x-ms-client-principal x-pomerium-
    """.split()  # the last two lines: what other products set where this gateway stands
)
_ASKS_FOR_URL = b"x-auth-return-redirect"  # claims nothing: by this NextAuth 5's client asks for JSON
_STOPS_HERE = _HOP_BY_HOP | _SET_HERE | _CLAIMS

_MATTERS = (_SET_HERE - _TRACE - {b"x-request-id"}) | frozenset(
    b"""
    content-type content-encoding transfer-encoding origin idempotency-key
    if-match if-none-match if-modified-since if-unmodified-since
    sec-fetch-site sec-fetch-mode sec-fetch-dest
    """.split()
)
HAVE_A_MEANING = _HOP_BY_HOP | _SET_HERE | _MATTERS
_STOPS_ON_THE_WAY_BACK = _HOP_BY_HOP | {b"date", b"server", b"x-request-id"}
BODILESS = (204, 304)  # RFC 9110, section 6.4.1


class HostNotServed(BadRequest):
    """The request asks a host that is none of ours."""

    def __init__(self, host: bytes) -> None:
        super().__init__(Sentence("This host is not served here"))
        self.host = host


@dataclass(frozen=True, slots=True)
class PassingHeaders:
    """What of a request's headers reaches the upstream. ``pairs`` pass unchanged; the rest is written anew or dropped.

    ``lines`` are Host and these, as sent; ``forwarded_host`` is the line that repeats the Host.
    ``content_length`` is None where none was given; a body follows if it is positive, or if ``is_chunked``.
    """

    host: bytes
    content_length: int | None
    is_chunked: bool
    cookies: tuple[bytes, ...]
    pairs: tuple[RawHeader, ...]
    lines: bytes
    forwarded_host: bytes

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.is_chunked or bool(self.content_length)


class Origin(NamedTuple):
    """What the gateway tells an upstream about where a request came from."""

    request_id: str
    traceparent: str
    client: str
    scheme: str


def read_passing_headers(headers: Sequence[RawHeader], hosts: Collection[bytes]) -> PassingHeaders:
    """Return what passes of a client's headers; raises HeadersTooLarge or BadRequest."""
    passing: list[RawHeader] = []
    special: dict[bytes, list[bytes]] = {}
    size = 0
    for count, header in enumerate(headers, start=1):
        name, value = header
        size += len(name) + len(value)
        if count > MAX_HEADERS or size > MAX_HEAD:
            raise HeadersTooLarge
        if name in _STOPS_HERE:
            special.setdefault(name, []).append(value)
        elif b"_" not in name and (not name.startswith(_CLAIM_PREFIXES) or name == _ASKS_FOR_URL):
            passing.append(header)
    host = _read_host(special.get(b"host", []), hosts)
    content_length, is_chunked = _read_framing(special)
    named = _read_connection(headers)
    if named:
        passing = [header for header in passing if header[0] not in named]
    states = special.get(b"tracestate", [])
    if states and read_traceparent(special.get(b"traceparent", [])) is not None:
        passing.extend((b"tracestate", state) for state in states)
    return PassingHeaders(
        host,
        content_length,
        is_chunked,
        cookies=tuple(special.get(b"cookie", [])),
        pairs=tuple(passing),
        lines=encode_lines([(b"host", host), *passing]),
        forwarded_host=encode_lines([(b"x-forwarded-host", host)]),
    )


def encode_own_headers(
    request: PassingHeaders,
    origin: Origin,
    token: str | None,
    cookies_to_drop: CookieNames | None,
    further_cookies: Iterable[str] = (),
) -> bytes:
    """Return the header lines that the gateway itself sends to an upstream, beside Host.

    ``cookies_to_drop``, if given, are left out, and ``further_cookies`` put in.
    """
    own = (
        f"x-request-id: {origin.request_id}\r\ntraceparent: {origin.traceparent}\r\n"
        f"x-forwarded-for: {origin.client}\r\nx-forwarded-proto: {origin.scheme}\r\n"
    )
    if token is not None:
        own += f"authorization: Bearer {token}\r\n"
    lines = own.encode() + request.forwarded_host
    cookies = keep_cookies(request.cookies, cookies_to_drop, further_cookies)
    if cookies:
        lines += b"cookie: %b\r\n" % cookies
    if request.is_chunked:
        lines += b"transfer-encoding: chunked\r\n"
    elif request.content_length is not None:
        lines += b"content-length: %d\r\n" % request.content_length
    return lines


def keep_cookies(values: tuple[bytes, ...], names: CookieNames | None, further: Iterable[str] = ()) -> bytes:
    """Return the cookies in one line (RFC 9113, 8.2.3), without those of ``names``, and with some ``further`` ones.

    The others stay as they are, but for the blanks of ``parse_cookies``. What only a server that strips more could take
    for one of ``names`` is dropped, too.
    """
    if names is None or not values:
        return b"; ".join(values)
    pairs = [pair.strip(BLANKS) for value in values for pair in value.decode("latin-1").split(";")]
    kept = [pair for pair in pairs if pair and not names.owns(pair.partition("=")[0].strip())]
    return "; ".join([*kept, *further]).encode("latin-1")


def keep_answer_headers(status: int, headers: Sequence[RawHeader]) -> list[RawHeader]:
    """Return the headers of an upstream's answer that pass to the client."""
    named = list_words(headers, b"connection")
    if status in BODILESS:
        named |= {b"content-length"}
    return [header for header in headers if header[0] not in _STOPS_ON_THE_WAY_BACK and header[0] not in named]


def stops_always(name: bytes) -> bool:
    """Tell whether a client's header with this name never passes, whatever the policy."""
    return name in _STOPS_HERE or names_caller(name)


def names_caller(name: bytes) -> bool:
    """Tell whether a header with this name is of a kind, known by its beginning, that others set to say who calls."""
    return name.startswith(_CLAIM_PREFIXES) and name != _ASKS_FOR_URL


def _read_host(values: list[bytes], allowed: Collection[bytes]) -> bytes:
    if len(values) != 1:
        raise BadRequest("Send exactly one Host header")
    host = values[0].lower()
    if host not in allowed:
        raise HostNotServed(host)
    return host


def _read_framing(special: dict[bytes, list[bytes]]) -> tuple[int | None, bool]:
    """Return the announced length, and whether the body comes in chunks."""
    lengths = special.get(b"content-length", [])
    codings = special.get(b"transfer-encoding", [])
    if len(lengths) + len(codings) > 1:
        raise BadRequest("The length of the body is said twice")
    if codings and codings[0].lower() != b"chunked":
        raise BadRequest("Transfer-Encoding must be exactly chunked")
    if lengths and not (lengths[0].isdigit() and len(lengths[0]) <= 18):  # noqa: PLR2004 - digits of 64 bits
        raise BadRequest("Content-Length must be a number")
    has_body = bool(codings) or (bool(lengths) and int(lengths[0]) > 0)
    if has_body and any(b"websocket" in value.lower() for value in special.get(b"upgrade", [])):
        # Any other offer of an upgrade is ignored, body or not; after this one it would be read as something else.
        raise BadRequest("A request for an upgrade can't have a body")
    return (int(lengths[0]) if lengths else None), bool(codings)


def _read_connection(headers: Sequence[RawHeader]) -> frozenset[bytes]:
    named = list_words(headers, b"connection") - {b"close", b"keep-alive"}
    if named & _MATTERS:
        raise BadRequest("Connection names a header that must arrive")
    return named
