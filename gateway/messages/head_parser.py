"""httptools, and what it reads in the head of a request: the method, the target as it was sent, and the headers.

httptools knows the registered methods alone. Any other word in capitals is read as POST would be, and kept (law 5 of
``request_heads``).
"""

import re

import httptools

from gateway.messages.raw_headers import RawHeader
from gateway.policy.methods import METHODS, OTHER_METHOD
from shared.errors import BadRequest

_OTHER_METHOD = re.compile(OTHER_METHOD)
_BEGUN_METHOD = re.compile(rb"[A-Z][A-Z0-9-]{0,31}")


def parse_head(head: bytes) -> "HeadParser":
    """Return what httptools reads in a whole head; raises BadRequest."""
    parser = HeadParser()
    parser.feed(head)
    if not parser.parsed.is_whole:
        raise BadRequest
    return parser


class HeadParser:
    """httptools, and what it ``parsed`` in one head: two objects, so that no reference cycle arises."""

    __slots__ = ("_begun", "_method", "_parser", "parsed")

    def __init__(self) -> None:
        self.parsed = _ParsedHead()
        self._begun = b""  # of the method, while it may be one that httptools does not know
        self._method: str | None = None
        self._parser = httptools.HttpRequestParser(self.parsed)

    def feed(self, data: bytes) -> None:
        """Read bytes of the head; raises BadRequest."""
        if self._method is None:
            data = self._read_method(self._begun + data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # what follows is not read here
        except httptools.HttpParserError:
            raise BadRequest from None

    def check(self, data: bytes) -> None:
        """Read bytes of a head whose end has not come yet; BadRequest as soon as it can't become one."""
        self.feed(data)
        if self.parsed.is_whole:  # without an empty line: no HTTP/1.x that we speak
            raise BadRequest

    def _read_method(self, data: bytes) -> bytes:
        """Return what httptools is to read: with POST for a method that it need not know (law 5)."""
        word, blank, rest = data.partition(b" ")
        if not blank and _BEGUN_METHOD.fullmatch(data):
            self._begun = data
            return b""
        self._method = word.decode("ascii") if _BEGUN_METHOD.fullmatch(word) else ""
        is_other = self._method not in METHODS and _OTHER_METHOD.fullmatch(self._method)
        return b"POST " + rest if is_other else data

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return self._method or str(self._parser.get_method().decode("ascii"))

    @property
    def version(self) -> str:
        """The version: ``1.1``."""
        return str(self._parser.get_http_version())


class _ParsedHead:
    """The callbacks of httptools: keeps the request target as it was sent, and the headers, names in lower case."""

    __slots__ = ("headers", "is_whole", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[RawHeader] = []
        self.is_whole = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))  # blanks are not part of the value (RFC 9110, 5.5)

    def on_headers_complete(self) -> None:
        self.is_whole = True
