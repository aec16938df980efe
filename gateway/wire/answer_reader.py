"""What an upstream's bytes mean: a reader of HTTP/1.1 answers without any I/O (RFC 9112, sections 4 to 7).

Bytes go in by ``feed`` and ``end``; a head and pieces of a body come out. One reader serves one connection, one answer
at a time. The laws:

1. An answer counts only after ``expect``. Bytes that nobody asked for, before or after an answer, make the connection
   unfit for another request: they could otherwise be taken for the next client's answer.
2. What is not one well-formed answer, in bounds, is ``AnswerBroken`` and nothing else.
3. Where the length of a body can be read in two ways, the answer is broken. Trailers are never passed on.
4. Memory is bounded: a head has at most 100 fields and 32 KiB, and bytes that lead to no head and no body (endless
   fields, trailers, chunk extensions) end the answer. Body pieces wait here until they are taken; whoever feeds must
   stop feeding while too many wait.

Interim answers (1xx) are read over. 101 is broken unless the request asked for another protocol; then it is the answer,
and whatever follows it is that protocol's: passed on as it is, until the upstream closes.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import httptools

RawHeaders = list[tuple[bytes, bytes]]

MAX_FIELDS = 100
MAX_HEAD_SIZE = 32 * 1024  # bytes
MAX_INTERIM = 8
SWITCHING_PROTOCOLS = 101

_BODILESS = (204, 304)  # RFC 9110, section 6.4.1
_FIRST_FINAL, _LAST_FINAL = 200, 599


class AnswerBroken(Exception):
    """The upstream's bytes are not one well-formed answer."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and header fields of an answer, names in lower case."""

    status: int
    headers: RawHeaders


class _Stage(Enum):
    IDLE = auto()  # no answer is expected
    HEAD = auto()
    BODY = auto()
    OTHER_PROTOCOL = auto()
    DONE = auto()


class AnswerTaker(Protocol):
    """Whoever gets an answer as it comes."""

    def take_answer(self, data: bytes) -> bytes:
        """Take it whole and ``pass_over``, or a part and ``wait_on``; or ``keep_answer`` and return all that came."""

    def take_failure(self) -> None:
        """Take note that there will be no answer, and ``keep_answer``; ``read_head`` raises why."""


class ResponseReader:
    """Reads the answers on one connection."""

    __slots__ = (
        *("_bytes_without_progress", "_chunks", "_headers", "_head_size", "_interim", "_is_head_request"),
        *("_is_upgrade", "_parser", "_stage", "_until_close", "buffered", "head", "is_last", "is_reusable"),
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._stage = _Stage.IDLE
        self._is_head_request = False
        self._is_upgrade = False
        self._chunks: list[bytes] = []
        self.buffered = 0
        self.head: ResponseHead | None = None
        self.is_reusable = True
        self.is_last = False  # the upstream said that it ends the connection

    @property
    def is_complete(self) -> bool:
        """Whether the answer has come to its end."""
        return self._stage is _Stage.DONE

    @property
    def is_ready(self) -> bool:
        """Whether the answer has come to its end, and another may follow."""
        return self._stage is _Stage.DONE and self.is_reusable

    def expect(self, *, is_head_request: bool, is_upgrade: bool = False) -> None:
        """Make ready for the answer to a request that is about to be sent. Only where ``is_reusable``."""
        self._is_upgrade = is_upgrade
        self._stage = _Stage.HEAD
        self._is_head_request = is_head_request
        self._until_close = False
        self._interim = 0
        self._bytes_without_progress = 0
        self._headers: RawHeaders = []
        self._head_size = 0
        self._chunks.clear()
        self.buffered = 0
        self.head = None

    def feed(self, data: bytes) -> None:
        """Read bytes from the upstream, or raise AnswerBroken."""
        if self._stage is _Stage.IDLE or self._stage is _Stage.DONE:
            self.is_reusable = False
            return
        if self._is_other_protocol():
            self._keep(data)
            return
        self._bytes_without_progress += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.is_reusable = False
            if self._is_other_protocol() and isinstance(error, httptools.HttpParserUpgrade):
                self._keep(data[error.args[0] :])
                return
            if not self.is_complete:  # else it is surplus after a whole answer
                raise AnswerBroken(_explain(error)) from error
        if self._bytes_without_progress > MAX_HEAD_SIZE and not self.is_complete:
            raise AnswerBroken("endless fields")

    def end(self) -> None:
        """Take note that the upstream closed its side, or raise AnswerBroken where something was still to come."""
        self.is_reusable = False
        if self._stage is _Stage.OTHER_PROTOCOL or (self._stage is _Stage.BODY and self._until_close):
            self._stage = _Stage.DONE
        elif self._stage is not _Stage.DONE:
            raise AnswerBroken("closed before the end of the answer")

    def close(self) -> None:
        """Take note that nothing more will be fed: the parser refers to its reader, which refers to it."""
        del self._parser

    def take_body(self) -> bytes:
        """Return the body bytes that wait here, none of them left behind."""
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.buffered = 0
        return body

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Begin an answer; after a whole one it is surplus."""
        if self._stage is not _Stage.HEAD:
            raise AnswerBroken("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head. A trailer is dropped."""
        if self._stage is not _Stage.HEAD:
            return
        self._headers.append((name.lower(), value))
        self._head_size += len(name) + len(value) + 4  # a colon, a space, CR and LF
        if len(self._headers) > MAX_FIELDS or self._head_size > MAX_HEAD_SIZE:
            raise AnswerBroken("too many fields")

    def on_headers_complete(self) -> None:
        """Finish a head: an interim one is forgotten, a final one says how the body ends."""
        status = self._parser.get_status_code()
        if status == SWITCHING_PROTOCOLS and self._is_upgrade:
            self.is_reusable = False
            self.head = ResponseHead(status, self._headers)
            self._stage = _Stage.OTHER_PROTOCOL
            return
        if status < _FIRST_FINAL:
            self._skip_interim(status)
            return
        version = self._parser.get_http_version()
        if status > _LAST_FINAL or version not in {"1.1", "1.0"}:
            raise AnswerBroken("not an HTTP/1.1 status line")
        self._bytes_without_progress = 0
        has_length = self._read_framing(version)
        self.head = ResponseHead(status, self._headers)
        if self._is_head_request:
            # An upstream that wrongly sends a body all the same must not answer the next request with it.
            self.is_reusable = False
            self._stage = _Stage.DONE
        else:
            self._stage = _Stage.BODY
            self._until_close = not has_length and status not in _BODILESS

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body until it is taken."""
        if self._stage is not _Stage.BODY:
            raise AnswerBroken("a body where none may be")
        self._bytes_without_progress = 0
        self._keep(body)

    def on_message_complete(self) -> None:
        """End the answer, if it was the final one."""
        if self._stage is _Stage.BODY:
            self._stage = _Stage.DONE

    def _is_other_protocol(self) -> bool:
        return self._stage is _Stage.OTHER_PROTOCOL

    def _keep(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self.buffered += len(data)

    def _skip_interim(self, status: int) -> None:
        self._interim += 1
        if status in {0, SWITCHING_PROTOCOLS} or status < 100 or self._interim > MAX_INTERIM:  # noqa: PLR2004 - RFC 9110, section 15
            raise AnswerBroken("an interim answer that was not asked for")
        self._headers = []
        self._head_size = 0

    def _read_framing(self, version: str) -> bool:
        """Tell whether the head says how long the body is; note whether the connection can be used again."""
        self.is_reusable = version == "1.1"
        has_length = False
        for name, value in self._headers:
            if name == b"content-length":
                has_length = True
            elif name == b"transfer-encoding":
                # The parser refuses it beside Content-Length. Any other coding, or it twice, is not ours to read.
                if has_length or value.lower() != b"chunked":
                    raise AnswerBroken("a transfer coding that is not chunked")
                has_length = True
            elif name == b"connection" and b"close" in value.lower():
                self.is_reusable = False
                self.is_last = True
        return has_length


def _explain(error: Exception) -> str:
    broken = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
    return str(broken)
