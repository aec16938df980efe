"""The heads of plain answers, read line by line: what a line means is looked up by its exact bytes. Pure.

A service's answers have much the same header lines, but hardly ever the same head: the time, the request's id, a length
or a link differ. So it is lines that are remembered, not heads. The laws:

1. Only a head that is plain in every line is read here. What this grammar lets through has one reading, which is that
   of ``upstream_response``; for all else the answer is None, and the general path reads it anew.
2. Which lines go on to the client is said by ``headers.answer_headers`` alone.
3. A line is known by all of its bytes, and memory is bounded (``known_heads.Memory``).
"""

import re
from dataclasses import dataclass

from gateway.wire.answer_reader import MAX_FIELDS
from gateway.wire.headers import answer_headers, encode_lines
from gateway.wire.request_heads import Memory

NO_STORE = b"cache-control: no-store\r\n"

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [ -~]*")
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?((?:[!-~](?:[ -~]*[!-~])?)?)")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_BODILESS = (204, 304)
_NOT_PLAIN = frozenset({b"transfer-encoding", b"upgrade", b"proxy-connection"})


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """The head of an answer to a GET: how long its body is, and its header lines as they go on to the client."""

    status: int
    length: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class _Line:
    """What one header line means: what of it goes on, the length that it says, whether it is about caching."""

    passing: bytes
    length: int | None
    is_about_caching: bool


class PlainAnswers:
    """Reads the heads of plain answers."""

    def __init__(self) -> None:
        self._statuses = Memory(_read_status)
        self._lines = Memory(_read_line)

    def read(self, head: bytes, echo: bytes, *, is_private: bool) -> PlainAnswer | None:
        """Return what a head means, from its status line to its empty line; ``is_private``: it depends on who asks.

        None unless it says the length of its body by ``Content-Length`` alone and leaves the connection open. ``echo``
        is the line, with its end, by which an upstream says the request's id again; it does not go on.
        """
        status_line, *lines, _, _ = head.replace(b"\r\n" + echo, b"\r\n", 1).split(b"\r\n")
        status = self._statuses[status_line]
        if status is None or len(lines) >= MAX_FIELDS:
            return None
        passing, length, is_about_caching, known_lines = [], None, False, self._lines
        for line in lines:
            known = known_lines[line]
            if known is None:
                return None
            passing.append(known.passing)
            if known.length is not None:
                if length is not None:
                    return None
                length = known.length
            elif known.is_about_caching:
                is_about_caching = True
        if length is None:
            return None
        if is_private and not is_about_caching:
            passing.append(NO_STORE)
        return PlainAnswer(status, length, b"".join(passing))


def _read_status(line: bytes) -> int | None:
    found = _STATUS_LINE.fullmatch(line)
    return int(found[1]) if found and int(found[1]) not in _BODILESS else None


def _read_line(line: bytes) -> _Line | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    name, value = found[1].lower(), found[2]
    if name in _NOT_PLAIN or (name == b"connection" and value.lower() != b"keep-alive"):
        return None
    if name == b"content-length" and _LENGTH.fullmatch(value) is None:
        return None
    passing = encode_lines(answer_headers(200, [(name, value)], is_private=False))
    return _Line(passing, int(value) if name == b"content-length" else None, name == b"cache-control")
