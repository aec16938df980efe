"""What an upstream's bytes mean: a parser of HTTP/1.1 answers without any I/O (RFC 9112, sections 4 to 7). Pure.

Bytes go in by ``feed`` and ``end``; a head and pieces of a body come out. One reader serves one connection, one answer
at a time. A service's answers have much the same header lines, but hardly ever the same head, so it is lines that are
remembered. The laws:

1. An answer counts only after ``expect``. Unsolicited bytes, before or after an answer, make the connection unfit for
   another request: they could be taken for the next client's answer.
2. Every line has exactly the grammar's form; where the length of the body can be read in two ways, the answer is
   broken. Anything but one well-formed answer, in bounds, is ``AnswerBroken`` and nothing else.
3. Memory is bounded: a head has at most 100 lines and 32 KiB, whatever it leads to; extensions and trailers of chunks
   are dropped and bounded (``chunks``). Pieces of a body are returned as they come.
4. Which lines pass to the client is decided by ``headers`` alone.

Interim answers (1xx) are skipped. 101 is broken unless the request asked for another protocol; then it is the answer,
and whatever follows it belongs to that protocol: passed on unchanged, until the upstream closes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from gateway.messages.chunks import ChunkReader, ChunksBroken
from gateway.messages.headers import BODILESS, keep_answer_headers
from gateway.messages.lookup import Lookup
from gateway.messages.raw_headers import END_OF_HEAD, RawHeader, encode_lines, list_words
from gateway.wire.limits import MAX_ANSWER_HEAD, MAX_ANSWER_HEADERS

MAX_INTERIM = 8
SWITCHING_PROTOCOLS = 101

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class AnswerBroken(Exception):
    """The upstream's bytes are not one well-formed answer."""


class AnswerHead(NamedTuple):
    """The head of an answer: the length of its body, and its header lines as they pass to the client.

    ``length`` is None where only the body's end shows it. ``headers`` are all that came, names in lower case.
    """

    status: int
    length: int | None
    lines: bytes
    says_caching: bool
    headers: Sequence[RawHeader]


@dataclass(frozen=True, slots=True)
class _Line:
    """What one header line means: what of it passes, and what it says about the body, the connection and caching."""

    header: RawHeader
    passing: bytes
    length: int | None = None
    is_coding: bool = False
    words: frozenset[bytes] = frozenset()  # of Connection
    says_caching: bool = False


class _Stage(Enum):
    IDLE = auto()  # no answer is expected
    HEAD = auto()
    LENGTH = auto()  # a body of announced length
    CHUNKS = auto()
    UNTIL_CLOSE = auto()
    OTHER_PROTOCOL = auto()
    DONE = auto()


class AnswerReader:
    """Reads the answers on one connection."""

    __slots__ = (
        "_begun",
        "_chunks",
        "_echo",
        "_interim",
        "_is_head_request",
        "_is_upgrade",
        "_left",
        "_searched",
        "_stage",
        "head",
        "is_last",
        "is_reusable",
    )

    def __init__(self) -> None:
        self._stage = _Stage.IDLE
        self.head: AnswerHead | None = None
        self.is_reusable = True
        self.is_last = False  # the upstream said that it closes the connection

    @property
    def is_complete(self) -> bool:
        """Whether the answer is complete."""
        return self._stage is _Stage.DONE

    @property
    def is_ready(self) -> bool:
        """Whether the answer is complete, and another may follow."""
        return self._stage is _Stage.DONE and self.is_reusable

    def expect(self, *, is_head_request: bool = False, is_upgrade: bool = False, echo: bytes = b"") -> None:
        """Get ready for the answer to a request that is about to be sent. Only where ``is_reusable``.

        ``echo`` is the line, with its end, in which an upstream repeats the request's id; it does not pass.
        """
        self._stage = _Stage.HEAD
        self._is_head_request = is_head_request
        self._is_upgrade = is_upgrade
        self._echo = b"\r\n" + echo if echo else b""  # a whole line: its text may be part of another
        self._interim = 0
        self._begun = b""
        self._searched = 0
        self.head = None

    def feed(self, data: bytes) -> bytes:
        """Read bytes from the upstream and return those of the body; raises AnswerBroken."""
        if self._stage is _Stage.HEAD:
            data = self._feed_head(data)
        match self._stage:
            case _Stage.HEAD:
                return b""
            case _Stage.LENGTH:
                return self._feed_length(data)
            case _Stage.CHUNKS:
                return self._feed_chunks(data)
            case _Stage.UNTIL_CLOSE | _Stage.OTHER_PROTOCOL:
                return data
            case _:
                self.is_reusable = self.is_reusable and not data
                return b""

    def end(self, *, is_cut_off: bool = False) -> None:
        """Note that the upstream closed its side, or was cut off; AnswerBroken where the answer was incomplete."""
        self.is_reusable = False
        if self._stage in {_Stage.OTHER_PROTOCOL, _Stage.UNTIL_CLOSE} and not is_cut_off:
            self._stage = _Stage.DONE
        elif self._stage is not _Stage.DONE:
            raise AnswerBroken("closed before the end of the answer")

    def _feed_head(self, data: bytes) -> bytes:
        """Read bytes of heads; return what follows the final one."""
        data = self._begun + data
        while self._stage is _Stage.HEAD:
            end = data.find(END_OF_HEAD, self._searched) + len(END_OF_HEAD)
            is_whole = end >= len(END_OF_HEAD)
            if (end if is_whole else len(data)) > MAX_ANSWER_HEAD:
                raise AnswerBroken("a head that is too long")
            if not is_whole:
                self._begun, self._searched = data, max(0, len(data) - len(END_OF_HEAD) + 1)
                return b""
            self._searched = 0
            self._read_head(data[:end])
            data = data[end:]
        self._begun = b""
        return data

    def _read_head(self, head: bytes) -> None:
        if self._echo:
            head = head.replace(self._echo, b"\r\n", 1)
        first, *lines, _, _ = head.split(b"\r\n")
        version, status = _STATUS_LINES[first]
        if len(lines) > MAX_ANSWER_HEADERS:
            raise AnswerBroken("too many headers")
        if status < 200:  # noqa: PLR2004 - RFC 9110, section 15.2
            self._read_interim(status, lines)
            return
        self._begin_body(version, status, [_HEADER_LINES[line] for line in lines])

    def _begin_body(self, version: int, status: int, lines: list[_Line]) -> None:
        """Keep a final head, and work out how its body ends."""
        length, is_chunked, says_caching, named = None, False, False, frozenset[bytes]()
        for line in lines:
            if line.length is not None:
                if length is not None:
                    raise AnswerBroken("the length is said twice")
                length = line.length
            elif line.is_coding:
                if is_chunked:
                    raise AnswerBroken("a transfer coding that is not chunked")
                is_chunked = True
            elif line.words:
                named |= line.words
            elif line.says_caching:
                says_caching = True
        if is_chunked and (length is not None or not version):
            raise AnswerBroken("the length can be read in two ways")
        self.is_last = b"close" in named
        self.is_reusable = bool(version) and not self.is_last
        if status in BODILESS or named - _PLAIN_WORDS:
            passing = encode_lines(keep_answer_headers(status, [line.header for line in lines]))
        else:
            passing = b"".join([line.passing for line in lines])
        passing_length = None if b"content-length" in named else length  # else nothing would mark the end
        self.head = AnswerHead(status, passing_length, passing, says_caching, [line.header for line in lines])
        self._choose_stage(status, length, is_chunked=is_chunked)

    def _choose_stage(self, status: int, length: int | None, *, is_chunked: bool) -> None:
        if self._is_head_request:
            # If the upstream wrongly sends a body all the same, that must not become the next request's answer.
            self.is_reusable = False
            self._stage = _Stage.DONE
        elif status in BODILESS or length == 0:
            self._stage = _Stage.DONE
        elif length is not None:
            self._left = length
            self._stage = _Stage.LENGTH
        elif is_chunked:
            self._chunks = ChunkReader()
            self._stage = _Stage.CHUNKS
        else:
            self.is_reusable = False
            self._stage = _Stage.UNTIL_CLOSE

    def _read_interim(self, status: int, lines: list[bytes]) -> None:
        self._interim += 1
        headers = [_HEADER_LINES[line].header for line in lines]
        if status == SWITCHING_PROTOCOLS and self._is_upgrade:
            self.is_reusable = False
            passing = [header for header in keep_answer_headers(status, headers) if header[0] != b"content-length"]
            self.head = AnswerHead(status, None, encode_lines(passing), says_caching=False, headers=headers)
            self._stage = _Stage.OTHER_PROTOCOL
        elif status == SWITCHING_PROTOCOLS or self._interim > MAX_INTERIM:
            raise AnswerBroken("an interim answer that was not asked for")

    def _feed_length(self, data: bytes) -> bytes:
        surplus = len(data) - self._left
        if surplus < 0:
            self._left -= len(data)
            return data
        self._stage = _Stage.DONE
        if surplus:
            self.is_reusable = False
            return data[: self._left]
        return data

    def _feed_chunks(self, data: bytes) -> bytes:
        try:
            body, surplus = self._chunks.feed(data)
        except ChunksBroken as broken:
            raise AnswerBroken(str(broken)) from None
        if self._chunks.is_complete:
            self._stage = _Stage.DONE
            self.is_reusable = self.is_reusable and not surplus
        return body


_PLAIN_WORDS = frozenset({b"close", b"keep-alive"})


def _read_status_line(data: bytes) -> tuple[int, int]:
    """Return the minor version and the status."""
    match = _STATUS_LINE.fullmatch(data)
    if match is None:
        raise AnswerBroken("not an HTTP/1.1 status line")
    return int(match[1]), int(match[2])


def _read_line(data: bytes) -> _Line:
    line = _LINE.fullmatch(data)
    if line is None:
        raise AnswerBroken("a line that is no header")
    header = line[1].lower(), line[2].strip(b" \t")
    name, value = header
    passing = encode_lines(keep_answer_headers(200, [header]))
    match name:
        case b"content-length":
            if _LENGTH.fullmatch(value) is None:
                raise AnswerBroken("a length that is no number")
            return _Line(header, passing, length=int(value))
        case b"transfer-encoding":
            if value.lower() != b"chunked":
                raise AnswerBroken("a transfer coding that is not chunked")
            return _Line(header, passing, is_coding=True)
        case b"connection":
            return _Line(header, passing, words=list_words([header], name))
        case _:
            return _Line(header, passing, says_caching=name == b"cache-control")


_STATUS_LINES = Lookup(_read_status_line)
_HEADER_LINES = Lookup(_read_line)
