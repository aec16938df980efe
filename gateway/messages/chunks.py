"""Chunked bodies: decoded as they come, and encoded (RFC 9112, section 7.1). Pure.

Chunk extensions and trailers are read and dropped. The bytes between two pieces of data are bounded, and every line has
exactly the grammar's form: a body that could end in two places must not pass.
"""

import re
from enum import Enum, auto

MAX_FRAMING = 16 * 1024  # bytes without data: sizes, extensions, trailers
LAST_CHUNK = b"0\r\n\r\n"

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE = re.compile(
    rb"0*([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*\r\n" % (_TOKEN, _TOKEN, _QUOTED)
)
_TRAILER = re.compile(rb"%b:[\t -~\x80-\xff]*\r\n" % _TOKEN)
_LINE_END = b"\r\n"


class ChunksBroken(Exception):
    """The bytes are not one well-formed chunked body."""


class _Expected(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkReader:
    """Reads one chunked body."""

    __slots__ = ("_begun", "_expected", "_framing", "_left")

    def __init__(self) -> None:
        self._expected = _Expected.SIZE
        self._left = 0  # of the data of a chunk
        self._begun = b""  # a line that has no end yet
        self._framing = 0

    @property
    def is_complete(self) -> bool:
        """Whether the body is complete."""
        return self._expected is _Expected.NOTHING

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Read bytes; return the data in them, and what follows the end of the body. Raises ChunksBroken."""
        data, position = self._begun + data, 0
        self._begun = b""
        pieces: list[bytes] = []
        while position < len(data) and self._expected is not _Expected.NOTHING:
            if self._expected is _Expected.DATA:
                piece = data[position : position + self._left]
                position += len(piece)
                self._take_data(piece)
                pieces.append(piece)
                continue
            end = data.find(b"\n", position) + 1
            if end == 0:
                self._begun = data[position:]
                self._bound(len(self._begun))
                break
            self._take_line(data[position:end])
            position = end
        rest = data[position:] if self._expected is _Expected.NOTHING else b""
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), rest

    def _take_data(self, piece: bytes) -> None:
        self._left -= len(piece)
        self._framing = 0
        if not self._left:
            self._expected = _Expected.DATA_END

    def _take_line(self, line: bytes) -> None:
        self._framing += len(line)
        self._bound(0)
        match self._expected:
            case _Expected.SIZE if size := _SIZE.fullmatch(line):
                self._left = int(size[1], 16)
                self._expected = _Expected.DATA if self._left else _Expected.TRAILER
            case _Expected.DATA_END if line == _LINE_END:
                self._expected = _Expected.SIZE
            case _Expected.TRAILER if line == _LINE_END:
                self._expected = _Expected.NOTHING
            case _Expected.TRAILER if _TRAILER.fullmatch(line):
                pass
            case _:
                raise ChunksBroken("not the line of a chunked body")

    def _bound(self, begun: int) -> None:
        if self._framing + begun > MAX_FRAMING:
            raise ChunksBroken("endless extensions or trailers")


def encode_chunk(data: bytes) -> bytes:
    """Return data as one chunk; nothing for no data, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
