"""Heads of messages that were read before: what they mean is looked up by their exact bytes. Pure.

A client on a kept connection sends the same header lines with each request, and a service answers with few different
ones. What such a block of lines means is a function of its bytes, so it is read once, by the same parser and the same
rules as everything else, and remembered. The laws:

1. Only what is plain in every respect is *known*: for all else the answer is None, and the general path reads it anew
   and says what is wrong with it. So nothing can be decided here that would be decided otherwise there.
2. A block is known by all of its bytes, never by a part or a hash of them.
3. Memory is bounded: a memory that is full starts anew. Long blocks are read, but not remembered.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

import httptools

from gateway.headers import RawHeader, RequestHeaders, answer_headers, encode_lines, read_request_headers
from gateway.upstream_response import AnswerBroken, ResponseReader
from shared.errors import AppError

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096  # bytes

_REQUEST_LINE = b"GET / HTTP/1.1\r\n"

Known = TypeVar("Known")


class Memory(Generic[Known]):
    """Remembers what ``read`` says of a block of bytes."""

    def __init__(self, read: Callable[[bytes], Known]) -> None:
        self._read = read
        self._known: dict[bytes, Known] = {}

    def recall(self, block: bytes) -> Known:
        """Return what the block means."""
        known = self._known.get(block)
        return self._learn(block) if known is None else known

    def _learn(self, block: bytes) -> Known:
        known = self._read(block)
        if known is not None and len(block) <= LONGEST_REMEMBERED:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[block] = known
        return known


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """The header lines of a plain GET: all of them (names in lower case), and what crosses of them."""

    headers: tuple[RawHeader, ...]
    crossing: RequestHeaders


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """The head of a plain answer: how long its body is, and its header lines as they go on to the client.

    ``private_lines`` are those to somebody on whom the answer depends.
    """

    status: int
    length: int
    lines: bytes
    private_lines: bytes


def read_plain_request(block: bytes, hosts: Collection[bytes]) -> KnownRequest | None:
    """Return what the header lines of a GET mean, from after its request line to its empty line.

    None unless the request has no body, asks for no upgrade and no interim answer, and leaves the connection open.
    """
    reader = _RequestReader()
    try:
        reader.parser.feed_data(_REQUEST_LINE + block)
        if not reader.is_one_whole or not reader.keeps_alive:
            return None
        headers = tuple(reader.headers)
        crossing = read_request_headers(headers, hosts)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, AppError):
        return None
    names = {name for name, _ in headers}
    if crossing.has_body or names & {b"upgrade", b"expect", b"content-length", b"transfer-encoding"}:
        return None
    return KnownRequest(headers, crossing)


def read_plain_answer(head: bytes) -> KnownAnswer | None:
    """Return what the head of an answer to a GET means, from its status line to its empty line.

    None unless it says the length of its body by ``Content-Length`` alone and leaves the connection open.
    """
    reader = ResponseReader()
    reader.expect(is_head_request=False)
    try:
        reader.feed(head)
    except AnswerBroken:
        return None
    if reader.head is None or not reader.is_reusable:
        return None
    status, headers = reader.head.status, reader.head.headers
    lengths = [value for name, value in headers if name == b"content-length"]
    if len(lengths) != 1 or status in {204, 304} or any(name == b"transfer-encoding" for name, _ in headers):
        return None
    lines, private_lines = (
        encode_lines(answer_headers(status, headers, is_private=is_private)) for is_private in (False, True)
    )
    return KnownAnswer(status, int(lengths[0]), lines, private_lines)


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
