"""The heads of requests: what a request line and headers mean, remembered by their exact bytes.

Pure, but that each name of a header that is dropped for its ``_`` is told of, once: in the log.

On a kept-alive connection a client sends the same lines with each request. They are parsed once, by httptools and the
rules of ``headers`` and ``canonical_paths``, whatever the method. The laws:

1. The request target stays as it was sent: split at the first ``?``, with nothing else read into it. Of one in
   absolute form the authority counts instead of Host, of which there is one all the same (RFC 9112, 3.2.2).
2. What the parser refuses is BadRequest: no request was read, and the connection ends. What our own rules refuse is
   part of the head, as ``refusal``: it is judged, answered and logged like any other request.
3. Only the plain case is remembered: HTTP/1.1, a method that we have, a path; headers that no rule refuses.
4. HTTP/1.0 is answered, without keep-alive. A connection is not kept alive, either, after a request for a WebSocket,
   granted or not: what follows might be no HTTP. Any other offer of an upgrade is ignored.
5. A method is any word in capitals that a rule may name, whether httptools knows it or not (``head_parser``): which
   ones pass, the policy says.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from gateway.messages.head_parser import parse_head
from gateway.messages.headers import PassingHeaders, read_passing_headers
from gateway.messages.lookup import Lookup
from gateway.messages.raw_headers import RawHeader, list_words
from gateway.policy.canonical_paths import CanonicalPath, PathRefused, PathTooLong, canonicalize_path, check_query
from gateway.policy.methods import METHODS, OTHER_METHOD
from gateway.policy.rules import SIGN_IN_PATH
from gateway.websockets.handshake import wants_websocket
from shared.errors import AppError, BadRequest, MethodNotAllowed, UriTooLong
from shared.observing.request_context import NAMING_HEADERS
from shared.web.error_responses import accepts_html
from shared.web.sites import LONGEST_QUERY, LONGEST_WAY_BACK

HTTP_VERSIONS = ("1.1", "1.0")

_PLAIN_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]*) HTTP/1\.1")
_OTHER_METHOD = re.compile(OTHER_METHOD)
_SIGN_IN = SIGN_IN_PATH.encode()
_PLAIN_START = b"POST / HTTP/1.1\r\n"
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})

MOST_DROPPED = 100  # names that are logged, of those that clients make up
LONGEST_DROPPED = 64  # characters of one

log = structlog.get_logger("request_heads")


class NotPlain(Exception):
    """A request line, or all of a request's header lines, not to be remembered (law 3)."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request line. ``path`` is None where the line is refused; ``refusal`` says why.

    ``is_only_spelled``: nothing but the spelling of the path is wrong, which a rule may allow.
    """

    method: str
    raw_path: bytes
    query: bytes
    version: str
    path: CanonicalPath | None
    refusal: AppError | None = None
    is_only_spelled: bool = False

    @property
    def path_text(self) -> str:
        """The canonical path, decoded, or else the path as it was sent."""
        return self.path.text if self.path is not None else self.raw_path.decode("latin-1")


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """A request's headers: all of them (names in lower case) but those with ``_``, and what passes of them.

    ``naming`` name the request or its trace. ``passing`` is None where the headers are refused; ``refusal`` says why.
    ``is_unread``: a body may follow whose end can't be told. ``has_dropped``: there were such. ``is_forwarded``: they
    say for whom it was sent on.
    """

    raw: tuple[RawHeader, ...]
    naming: tuple[RawHeader, ...]
    passing: PassingHeaders | None
    refusal: AppError | None = None
    keeps_alive: bool = False
    expects_continue: bool = False
    is_unread: bool = False
    accepts_html: bool = False
    asks_upgrade: bool = False
    has_dropped: bool = False
    is_forwarded: bool = False


class RequestHead(NamedTuple):
    """The head of one request."""

    line: RequestLine
    headers: RequestHeaders

    @property
    def refusal(self) -> AppError | None:
        """What is wrong with it, if anything."""
        return self.headers.refusal or self.line.refusal

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends its body (RFC 9110, 10.1.1; not in HTTP/1.0)."""
        return self.headers.expects_continue and self.line.version == "1.1"

    @property
    def keeps_alive(self) -> bool:
        """Whether the client's connection may serve another request."""
        is_known = self.line.method in METHODS or _OTHER_METHOD.fullmatch(self.line.method) is not None
        return self.headers.keeps_alive and self.line.version == "1.1" and is_known


def log_dropped(name: str) -> None:
    """Log that a header is dropped."""
    log.warning("header_dropped", name=name, reason="a name with an underscore never passes")


class RequestHeads:
    """Reads heads; ``hosts`` are the values of Host that are served, in lower case."""

    def __init__(self, hosts: Collection[bytes], tell_dropped: Callable[[str], None] = log_dropped) -> None:
        self._hosts = hosts
        self._tell_dropped = tell_dropped
        self._request_lines = Lookup(_read_plain_line)
        self._headers = Lookup(self._read_plain_headers)
        self._dropped: set[bytes] = set()

    def read(self, head: bytes) -> RequestHead:
        """Return what a head means, given as bytes from its request line to its empty line; raises BadRequest."""
        line, _, lines = head.partition(b"\r\n")
        try:
            return RequestHead(self._request_lines[line], self._headers[lines])
        except NotPlain:
            return self._parse(head)

    def describe(self, line: RequestLine, headers: Sequence[RawHeader]) -> RequestHead:
        """Return the head of a request that another proxy describes; names in lower case."""
        return RequestHead(line, self._read_headers(headers))

    def _parse(self, head: bytes) -> RequestHead:
        parser = parse_head(head)
        target, headers = _resolve(parser.parsed.target, parser.parsed.headers)
        path, _, query = target.partition(b"?")
        line = read_line(parser.method, path, query, parser.version)
        return RequestHead(line, self._read_headers(headers))

    def _read_plain_headers(self, lines: bytes) -> RequestHeaders:
        try:
            parser = parse_head(_PLAIN_START + lines)
        except BadRequest:
            raise NotPlain from None
        headers = self._read_headers(parser.parsed.headers)
        if headers.refusal is not None:
            raise NotPlain
        return headers

    def _read_headers(self, headers: Sequence[RawHeader]) -> RequestHeaders:
        for name, _ in headers:
            if b"_" in name and name not in self._dropped and len(self._dropped) < MOST_DROPPED:
                self._dropped.add(name)
                self._tell_dropped(name[:LONGEST_DROPPED].decode("latin-1"))
        return _read_headers(headers, self._hosts)


def read_line(method: str, raw_path: bytes, query: bytes, version: str = "1.1") -> RequestLine:
    """Return a request line, given its parts."""
    refusal: AppError
    is_only_spelled = False
    try:
        if method not in METHODS and not _OTHER_METHOD.fullmatch(method):
            raise MethodNotAllowed(", ".join(sorted(METHODS)))
        if version not in HTTP_VERSIONS:
            raise BadRequest("Only HTTP/1.1 is spoken here")
        query = check_query(query, LONGEST_WAY_BACK if raw_path == _SIGN_IN else LONGEST_QUERY)
        is_only_spelled = True
        return RequestLine(method, raw_path, query, version, canonicalize_path(raw_path))
    except PathTooLong as error:
        refusal, is_only_spelled = UriTooLong(error.reason), False
    except PathRefused as error:
        refusal = BadRequest(error.reason)
    except AppError as error:
        refusal = error.with_traceback(None)
    return RequestLine(method, raw_path, query, version, None, refusal, is_only_spelled)


def _read_plain_line(data: bytes) -> RequestLine:
    match = _PLAIN_LINE.fullmatch(data)
    if match is None:
        raise NotPlain
    path, _, query = match[2].partition(b"?")
    line = read_line(match[1].decode(), path, query)
    if line.refusal is not None:
        raise NotPlain
    return line


def _resolve(target: bytes, headers: Sequence[RawHeader]) -> tuple[bytes, Sequence[RawHeader]]:
    """Return the path and query of a target, and the headers; of one in absolute form, Host is its authority."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target, headers
    authority, rest = absolute.groups()
    path = rest if rest.startswith(b"/") else b"/" + rest  # an empty path is the same as / (RFC 9110, 4.2.3)
    return path, [(name, authority if name == b"host" else value) for name, value in headers]


def _read_headers(sent: Sequence[RawHeader], hosts: Collection[bytes]) -> RequestHeaders:
    headers = tuple(header for header in sent if b"_" not in header[0])
    naming = tuple(header for header in headers if header[0] in NAMING_HEADERS)
    is_forwarded = any(name == b"x-forwarded-for" for name, _ in headers)
    try:
        passing = read_passing_headers(sent, hosts)
    except AppError as error:
        is_unread = any(name in _FRAMING for name, _ in headers)
        keeps_alive = not is_unread and b"close" not in list_words(headers, b"connection")
        return RequestHeaders(
            headers,
            naming,
            None,
            error.with_traceback(None),
            keeps_alive,
            is_unread=is_unread,
            accepts_html=accepts_html(headers),
            has_dropped=len(headers) < len(sent),
            is_forwarded=is_forwarded,
        )
    asks_upgrade = any(name == b"upgrade" for name, _ in headers)
    words = list_words(headers, b"connection")
    return RequestHeaders(
        headers,
        naming,
        passing,
        keeps_alive=b"close" not in words and not (b"upgrade" in words and wants_websocket(headers)),
        expects_continue=any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers),
        accepts_html=accepts_html(headers),
        asks_upgrade=asks_upgrade,
        has_dropped=len(headers) < len(sent),
        is_forwarded=is_forwarded,
    )
