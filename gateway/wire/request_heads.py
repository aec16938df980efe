"""Heads of requests that were read before: what they mean is looked up by their exact bytes. Pure.

A client on a kept connection sends the same header lines with each request. What such a block of lines means is a
function of its bytes, so it is read once, by the same parser and the same rules as everything else, and remembered.
(Answers differ more: ``known_answers`` remembers their lines.) The laws:

1. Only what is plain in every respect is *known*: for all else the answer is None, and the general path reads it anew
   and says what is wrong with it. So nothing can be decided here that would be decided otherwise there.
2. A block is known by all of its bytes, never by a part or a hash of them.
3. Memory is bounded: a memory that is full starts anew. Long blocks are read, but not remembered.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

import httptools

from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path, check_query
from gateway.wire.headers import RawHeader, RequestHeaders, read_request_headers
from shared.authentication import list_credentials
from shared.errors import AppError
from shared.request_context import NAMING_HEADERS

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096  # bytes

_PLAIN_GET = re.compile(rb"GET (/[!-~]*) HTTP/1\.1")
_ANY_GET = b"GET / HTTP/1.1\r\n"
_END = b"\r\n\r\n"

Known = TypeVar("Known")


class Memory(dict[bytes, Known]):
    """Remembers what ``read`` says of a block of bytes: ``memory[block]``.

    It is a dictionary so that looking up what is known costs no call.
    """

    def __init__(self, read: Callable[[bytes], Known]) -> None:
        self._read = read

    def __missing__(self, block: bytes) -> Known:
        """Return what a block means that is not remembered."""
        known = self._read(block)
        if known is not None and len(block) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[block] = known
        return known


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """The header lines of a plain GET: all of them (names in lower case), and what crosses of them.

    ``naming`` are those that name the request or its trace. ``token`` is what its ``Authorization`` header holds; None
    unless there is exactly one.
    """

    headers: tuple[RawHeader, ...]
    crossing: RequestHeaders
    naming: tuple[RawHeader, ...]
    token: str | None


def read_plain_target(line: bytes) -> tuple[CanonicalPath, bytes] | None:
    """Return the canonical path and the query of a GET's request line; None for another line, or a target refused."""
    found = _PLAIN_GET.fullmatch(line)
    if found is None:
        return None
    raw_path, _, query = found[1].partition(b"?")
    try:
        return canonicalize_path(raw_path), check_query(query)
    except PathRefused:
        return None


def read_plain_request(block: bytes, hosts: Collection[bytes]) -> KnownRequest | None:
    """Return what the header lines of a GET mean, from after its request line to its empty line.

    None unless the request has no body, asks for no upgrade and no interim answer, and leaves the connection open.
    """
    if block.find(_END) + len(_END) != len(block):
        return None
    reader = _RequestReader()
    try:
        reader.parser.feed_data(_ANY_GET + block)
        if not reader.is_one_whole or not reader.keeps_alive:
            return None
        headers = tuple(reader.headers)
        crossing = read_request_headers(headers, hosts)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, AppError):
        return None
    names = {name for name, _ in headers}
    if crossing.has_body or names & {b"upgrade", b"expect", b"content-length", b"transfer-encoding"}:
        return None
    naming = tuple(header for header in headers if header[0] in NAMING_HEADERS)
    credentials = list_credentials(headers)
    return KnownRequest(headers, crossing, naming, credentials[0] if len(credentials) == 1 else None)


class _RequestReader:
    """Takes what the parser reads of one head."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.headers: list[RawHeader] = []
        self.keeps_alive = False
        self._begun = self._whole = 0

    @property
    def is_one_whole(self) -> bool:
        return self._begun == self._whole == 1

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.keeps_alive = self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._whole += 1
