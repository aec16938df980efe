"""The request that another proxy asks about, read from its question to us. Pure.

1. The target comes from one or more of: ``X-Original-URL`` (absolute, or only path and query), ``X-Forwarded-Uri``, and
   the path of the question itself below ``/_gateway/auth``, with its query. If several give it, they must agree.
2. The method comes from ``X-Original-Method`` or ``X-Forwarded-Method``; for a question with the target in its path, it
   may also be the question's own. The host is that of the URL or ``X-Forwarded-Host``, else the question's own.
3. Nothing is guessed: what is missing, repeated, empty, or given in two ways is refused. So a proxy that passes on a
   client's copies of these headers is found out before it does harm.
4. Path and query stay raw bytes. They are parsed and judged like those of any other request.
5. A header by which a client could pretend to be somebody (``X-User-...``, ``Remote-...``, those by which the policy
   names callers, and what is read like one of them) is refused: what the gateway would drop, that proxy may send on. It
   has to drop it before it asks, as the files of ``docs/forward-auth`` do. What proxies say of a request's way, and
   what they themselves add to a question, is none of these.
"""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum

from gateway.callers.identity_headers import is_claim
from gateway.messages.raw_headers import RawHeader, write_name
from gateway.messages.request_heads import RequestHead, RequestHeads, RequestLine, read_line
from shared.errors import BadRequest
from shared.language.sentences import Sentence

QUESTION_PATH = b"/_gateway/auth"

_URL = re.compile(rb"(https?)://([^/?#@\\]+)(/.*)", re.DOTALL)
_SCHEMES = {b"http": b"http", b"https": b"https", b"ws": b"http", b"wss": b"https"}
_PROXY_HEADERS = frozenset(
    {
        b"x-original-url",
        b"x-original-method",
        b"x-forwarded-uri",
        b"x-forwarded-method",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    }
)
_OF_PROXIES = _PROXY_HEADERS | frozenset(
    b"""
    x-forwarded-by x-forwarded-client-cert x-forwarded-for x-forwarded-path x-forwarded-port x-forwarded-prefix
    x-forwarded-protocol x-forwarded-scheme x-forwarded-server x-forwarded-ssl x-forwarded-tls-client-cert
    x-forwarded-tls-client-cert-info x-original-forwarded-for x-original-host x-original-uri x-auth-request-redirect
    """.split()
)
_OF_THE_QUESTION = (b"x-original-", b"x-forwarded-")


class Dialect(StrEnum):
    """Which answers the asking proxy understands."""

    NGINX = "nginx"  # auth_request: 2xx, 401, 403, and nothing else
    HTTP = "http"  # anything but 200 goes to the client unchanged: Caddy, Traefik, HAProxy, Envoy


def is_question(raw_path: bytes) -> bool:
    """Tell whether a path is that of forward auth."""
    return raw_path == QUESTION_PATH or raw_path.startswith(QUESTION_PATH + b"/")


def choose_dialect(headers: Iterable[RawHeader]) -> Dialect:
    """Return the proxy's dialect: nginx's configuration sends the original URL and method."""
    is_nginx = any(name in {b"x-original-url", b"x-original-method"} for name, _ in headers)
    return Dialect.NGINX if is_nginx else Dialect.HTTP


def read_question(
    line: RequestLine, headers: tuple[RawHeader, ...], heads: RequestHeads, named: Collection[bytes] = ()
) -> RequestHead:
    """Return the head of the request that a question is about, or raise BadRequest.

    ``named`` are the headers by which the policy names callers.
    """
    _check_claims(headers, named)
    given = _read_proxy_headers(headers)
    scheme, host, url_target = _split_url(given.get(b"x-original-url"))
    below = line.raw_path[len(QUESTION_PATH) :]
    own_target = (below + b"?" + line.query if line.query else below) if below else None
    target = _agree("target", url_target, given.get(b"x-forwarded-uri"), own_target)
    methods = (given.get(b"x-original-method"), given.get(b"x-forwarded-method"))
    own_method = line.method.encode() if below and methods == (None, None) else None
    original_method = _agree("method", *methods, own_method)
    _check_scheme(scheme, given.get(b"x-forwarded-proto"))
    path, _, query = target.partition(b"?")
    original_line = read_line(original_method.decode("latin-1"), path, query)
    return heads.describe(original_line, _original_headers(headers, host, given.get(b"x-forwarded-host")))


def _check_claims(headers: tuple[RawHeader, ...], named: Collection[bytes]) -> None:
    for name, _ in headers:
        if name not in _OF_PROXIES and is_claim(name, named):
            shown = write_name(name.decode("latin-1"))
            raise BadRequest(Sentence("{header} claims who calls: the proxy has to drop it", header=shown))


def _read_proxy_headers(headers: tuple[RawHeader, ...]) -> dict[bytes, bytes]:
    """Return the proxy's headers about the request, each given once and not empty."""
    given: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _PROXY_HEADERS:
            if name in given or not value:
                raise BadRequest(Sentence("Say {header} once", header=name.decode()))
            given[name] = value
    return given


def _split_url(url: bytes | None) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return scheme, host and target of an original URL; only the target where it begins with a slash."""
    if url is None or url.startswith(b"/"):
        return None, None, url
    match = _URL.fullmatch(url)
    if match is None:
        raise BadRequest("The original URL can't be understood")
    return match[1], match[2].lower(), match[3]


def _agree(what: str, *values: bytes | None) -> bytes:
    """Return the one value that is given."""
    found = {value for value in values if value is not None}
    if len(found) != 1:
        if not found:
            raise BadRequest(Sentence("The original {what} is missing", what=what))
        raise BadRequest(Sentence("The original {what} is said in two ways", what=what))
    return found.pop()


def _check_scheme(of_url: bytes | None, forwarded: bytes | None) -> None:
    if forwarded is None:
        return
    if forwarded not in _SCHEMES or of_url not in {None, _SCHEMES[forwarded]}:
        raise BadRequest("The original scheme is said in two ways")


def _original_headers(
    headers: tuple[RawHeader, ...], of_url: bytes | None, forwarded: bytes | None
) -> tuple[RawHeader, ...]:
    """Return the headers of the original request: without those of the proxy, and with the Host that was meant."""
    own = tuple(header for header in headers if not header[0].startswith(_OF_THE_QUESTION))
    if of_url is None and forwarded is None:
        return own
    host = _agree("host", of_url, forwarded.lower() if forwarded is not None else None)
    return ((b"host", host), *(header for header in own if header[0] != b"host"))
