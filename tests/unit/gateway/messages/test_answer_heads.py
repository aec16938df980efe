"""Reading an upstream's answer: the same however its bytes are cut, in bounds, and never more than one."""

import contextlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.answer_heads import MAX_INTERIM, AnswerBroken, AnswerHead, AnswerReader
from gateway.messages.headers import keep_answer_headers
from gateway.messages.raw_headers import RawHeader, encode_lines
from gateway.wire.limits import MAX_ANSWER_HEAD, MAX_ANSWER_HEADERS

OK = b"HTTP/1.1 200 OK\r\n"
ECHO = b"x-request-id: 0123456789\r\n"
LENGTH = b"Content-Length: 1\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n"
CHUNKED = OK + CHUNKS + b"X-A: 1\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
SIZED = b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 6\r\nX-A: 1\r\n\r\nhello!"
UNTIL_CLOSE = OK + b"X-A: 1\r\n\r\nhello!"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\nX-A: 1\r\n\r\nhello!"


class Outcome(NamedTuple):
    """The outcome of one answer: None where it is broken."""

    head: AnswerHead | None
    body: bytes
    is_complete: bool
    is_reusable: bool
    is_last: bool


def read(
    *pieces: bytes, is_head_request: bool = False, is_upgrade: bool = False, echo: bytes = b""
) -> tuple[AnswerReader, bytes]:
    """Feed the pieces of one answer, and return the reader and the body so far."""
    reader = AnswerReader()
    reader.expect(is_head_request=is_head_request, is_upgrade=is_upgrade, echo=echo)
    return reader, b"".join([reader.feed(piece) for piece in pieces])


def read_head(data: bytes) -> AnswerHead:
    """Return the final head in the bytes of an answer."""
    head = read(data)[0].head
    assert head is not None
    return head


def judge(
    pieces: Iterable[bytes], *, is_head_request: bool = False, is_upgrade: bool = False, echo: bytes = b""
) -> Outcome | None:
    """Return what the pieces come to before and after the upstream closes, or None where they are broken."""
    try:
        reader, body = read(*pieces, is_head_request=is_head_request, is_upgrade=is_upgrade, echo=echo)
        is_reusable = reader.is_reusable
        reader.end()
    except AnswerBroken:
        return None
    return Outcome(reader.head, body, reader.is_complete, is_reusable, reader.is_last)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the bytes in pieces."""
    ends = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


# However the bytes are cut


@pytest.mark.parametrize("answer", [CHUNKED, SIZED, UNTIL_CLOSE, SWITCHED], ids=["chunks", "length", "close", "101"])
def test_an_answer_may_be_cut_anywhere(answer: bytes) -> None:
    """An answer is read the same, wherever it is cut in two, and byte by byte."""
    whole = judge([answer], is_upgrade=True)
    assert whole is not None
    assert (whole.body, whole.is_complete) == (b"hello!", True)
    assert whole.head is not None
    assert (b"x-a", b"1") in whole.head.headers
    assert b"x-t" not in {name for name, _ in whole.head.headers}
    for place in range(len(answer)):
        assert judge(cut(answer, [place]), is_upgrade=True) == whole
    assert judge(cut(answer, range(len(answer))), is_upgrade=True) == whole


fragments = st.sampled_from(
    [
        *(OK, b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 101 x\r\n", b"HTTP/1.0 200\r\n"),
        *(LENGTH, b"Content-Length: 12\r\n", CHUNKS, b"Connection: close\r\n", b"Connection: a, upgrade\r\n", ECHO),
        *(
            b"a: \xff\r\n",
            b"Upgrade: x\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b"\r",
            b"\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"x",
            b" 2\r\n",
        ),
    ]
)
answers = st.lists(fragments, max_size=10).map(b"".join) | st.binary(max_size=60)


@given(
    data=st.tuples(st.sampled_from([b"", OK, CHUNKED, SIZED]), answers).map(b"".join),
    places=st.sets(st.integers(1, 300), max_size=30),
    is_head_request=st.booleans(),
    is_upgrade=st.booleans(),
    echo=st.sampled_from([b"", ECHO]),
)
def test_where_any_bytes_are_cut_makes_no_difference(
    data: bytes, places: set[int], *, is_head_request: bool, is_upgrade: bool, echo: bytes
) -> None:
    """Whatever comes, it ends as the same answer or as none, however the network cuts it; nothing else is raised."""
    whole = judge([data], is_head_request=is_head_request, is_upgrade=is_upgrade, echo=echo)
    in_pieces = judge(cut(data, places), is_head_request=is_head_request, is_upgrade=is_upgrade, echo=echo)
    assert in_pieces == whole


# Another reader as judge


class _Read:
    """What httptools finds in the bytes of answers: of each its headers, trailers included, and its body."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.answers: list[tuple[int, list[RawHeader], bytes]] = []
        self.headers: list[RawHeader] = []
        self.head: list[RawHeader] = []
        self.body = b""

    def on_message_begin(self) -> None:
        self.headers, self.head, self.body = [], [], b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head = list(self.headers)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.answers.append((self.parser.get_status_code(), self.head, self.body))


names = st.sampled_from(
    [
        *(b"Content-Length", b"content-length", b"Cache-Control", b"Connection", b"Transfer-Encoding", b"Keep-Alive"),
        *(
            b"Server",
            b"Date",
            b"X-Request-ID",
            b"ETag",
            b"Set-Cookie",
            b"A",
            b"",
            b"A_b",
            b"A b",
            b"Trailer",
            b"Upgrade",
        ),
    ]
)
values = st.sampled_from(
    [
        b"1",
        b"5",
        b"keep-alive",
        b"close",
        b"no-store",
        b"chunked",
        b"a, b",
        b"\t",
        b"",
        b"1 ",
        b"\xff",
        b"gzip, chunked",
    ]
)
lines = st.tuples(names, st.sampled_from([b": ", b":", b":  ", b" : ", b"\n", b": \r\n "]), values).map(b"".join)
statuses = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 404 ",
            b"HTTP/1.1 200",
            b"HTTP/1.0 200 OK",
            b"HTTP/1.1 204 x",
            b"HTTP/1.1 304 x",
        ),
        *(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", b"HTTP/1.1 600 x", b"HTTP/1.1 20 x", b"HTTP/2.0 200 OK"),
    ]
)
bodies = st.sampled_from(
    [b"", b"1", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"1;a\r\nx\r\n0\r\nT: 1\r\n\r\n", b"0\r\n\r\n"]
)


@given(statuses, st.lists(lines, max_size=4), bodies)
def test_what_is_read_is_what_another_reader_reads(status: bytes, fields: list[bytes], body: bytes) -> None:
    """Of each answer that both take for whole, httptools finds the same status, headers and body."""
    data = b"\r\n".join([status, *fields, b"", body])
    reader, found = AnswerReader(), b""
    reader.expect()
    try:
        found = reader.feed(data)
    except AnswerBroken:
        return
    other = _Read()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        other.parser.feed_data(data)
        if reader.is_complete and reader.head is not None:
            assert other.answers[-1] == (reader.head.status, reader.head.headers, found)


@given(statuses, st.lists(lines, max_size=5))
def test_what_goes_on_is_what_the_rules_say(status: bytes, fields: list[bytes]) -> None:
    """Whatever the lines, the rules for headers decide which pass, seen together or each by itself."""
    with contextlib.suppress(AnswerBroken):
        head = read(b"\r\n".join([status, *fields, b"", b""]))[0].head
        assert head is None or head.lines == encode_lines(keep_answer_headers(head.status, head.headers))


# What is no answer

BROKEN = {
    "length and chunks": OK + LENGTH + CHUNKS + b"\r\n",
    "chunks and length": OK + CHUNKS + LENGTH + b"\r\n",
    "two lengths": OK + LENGTH + LENGTH + b"\r\n",
    "two lengths that differ": OK + LENGTH + b"content-length: 2\r\n\r\n",
    "a list of lengths": OK + b"Content-Length: 1, 1\r\n\r\n",
    "a signed length": OK + b"Content-Length: +1\r\n\r\n",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n",
    "a length in other digits": OK + "Content-Length: \N{ARABIC-INDIC DIGIT ONE}\r\n\r\n".encode(),
    "a length with an underscore": OK + b"Content-Length: 1_0\r\n\r\n",
    "a length beyond any": OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n",
    "an empty length": OK + b"Content-Length: \r\n\r\n",
    "another coding": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "another coding ahead": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunks twice": OK + CHUNKS + CHUNKS + b"\r\n",
    "a coding with a parameter": OK + b"Transfer-Encoding: chunked;a\r\n\r\n",
    "chunks by HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + CHUNKS + b"\r\n",
    "another protocol that nobody asked for": SWITCHED,
    "an unknown status": b"HTTP/1.1 600 What\r\n" + LENGTH + b"\r\n",
    "a short status": b"HTTP/1.1 20 OK\r\n\r\n",
    "a long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "another version": b"HTTP/1.2 200 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "HTTP in small letters": b"http/1.1 200 OK\r\n\r\n",
    "two blanks": b"HTTP/1.1  200 OK\r\n\r\n",
    "an empty head": b"\r\n\r\n",
    "an empty line before": b"\r\n" + OK + LENGTH + b"\r\n",
    "a bare line feed after the status": b"HTTP/1.1 200 OK\nA: 1\r\n\r\n",
    "a folded line": OK + LENGTH + b"A: 1\r\n 2\r\n\r\n",
    "a line folded under the status": OK + b" A: 1\r\n" + LENGTH + b"\r\n",
    "a line folded under the request's id": OK + LENGTH + ECHO + b" 2\r\n\r\n",
    "a bare line feed": OK + LENGTH + b"A: 1\nB: 2\r\n\r\n",
    "a bare carriage return": OK + LENGTH + b"A: 1\rB: 2\r\n\r\n",
    "a space before the colon": OK + b"Content-Length : 1\r\n\r\n",
    "a line without a colon": OK + LENGTH + b"A\r\n\r\n",
    "a line without a name": OK + LENGTH + b": 1\r\n\r\n",
    "a name beyond ASCII": OK + LENGTH + b"\xe4: 1\r\n\r\n",
    "a NUL": OK + LENGTH + b"A: \0\r\n\r\n",
    "a DEL": OK + LENGTH + b"A: \x7f\r\n\r\n",
    "too many headers": OK + LENGTH + b"A: 1\r\n" * MAX_ANSWER_HEADERS + b"\r\n",
    "a head that is too long": OK + LENGTH + b"A: " + b"1" * MAX_ANSWER_HEAD + b"\r\n\r\n",
    "too many interim answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INTERIM + 1),
    "an interim answer with a broken line": b"HTTP/1.1 103 Early Hints\r\nA\r\n\r\n",
    "an interim answer with too many headers": b"HTTP/1.1 103 x\r\n" + b"A: 1\r\n" * (MAX_ANSWER_HEADERS + 1) + b"\r\n",
    "chunks that are none": OK + CHUNKS + b"\r\nhello\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_not_one_well_formed_answer_is_broken(data: bytes) -> None:
    """Bytes that are no answer, or one with a second reading, are broken, as a whole and byte by byte."""
    for pieces in ([data], cut(data, range(len(data))[-2048:])):
        with pytest.raises(AnswerBroken):
            read(*pieces, echo=ECHO)


def test_a_broken_line_is_broken_each_time() -> None:
    """What was refused once is refused again: a line that is no header is never remembered as one."""
    for _ in range(2):
        with pytest.raises(AnswerBroken):
            read(OK + LENGTH + b"A : once\r\n\r\n")


@pytest.mark.parametrize(
    "endless", [OK + b"X: ", OK + CHUNKS + b"\r\n1\r\na\r\n0\r\nX: ", OK + CHUNKS + b"\r\n1;", b"", b"HTTP/1.1 200 "]
)
def test_what_never_ends_is_broken(endless: bytes) -> None:
    """Endless heads, headers, trailers and chunk extensions end the answer after a bounded number of bytes."""
    with pytest.raises(AnswerBroken):
        read(endless, *[b"a" * 1024] * (MAX_ANSWER_HEAD // 1024 + 1))


@pytest.mark.parametrize("cut_short", [SIZED[:-1], CHUNKED[:-1], CHUNKED[:-2], SIZED[:60], OK, b"", b"HTTP/1.1 1"])
def test_an_answer_that_stops_is_broken(cut_short: bytes) -> None:
    """An upstream that closes before the end of its answer has not given one."""
    reader, _ = read(cut_short)
    assert not reader.is_complete
    with pytest.raises(AnswerBroken):
        reader.end()


def test_a_head_may_be_as_long_as_its_bound() -> None:
    """Exactly the bound is accepted, and no more, in one piece or many, at first and later."""
    head = OK + LENGTH + b"A: " + b"1" * (MAX_ANSWER_HEAD - len(OK + LENGTH) - 7) + b"\r\n\r\n"
    assert len(head) == MAX_ANSWER_HEAD
    fields = OK + LENGTH + b"A: 1\r\n" * (MAX_ANSWER_HEADERS - 1) + b"\r\n"
    for data in (head, fields):
        for _ in range(2):
            assert judge([data + b"x"]) == judge(cut(data + b"x", range(0, len(data), 1000))) is not None


# How a body ends


@pytest.mark.parametrize(
    ("data", "status", "length", "body", "is_reusable"),
    [
        (SIZED, 200, 6, b"hello!", True),
        (CHUNKED, 200, None, b"hello!", True),
        (OK + b"Content-Length: 0\r\n\r\n", 200, 0, b"", True),
        (OK + b"transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", 200, None, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None, b"", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, 0, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, 10, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, None, b"", True),
        (b"HTTP/1.1 599\r\n" + LENGTH + b"\r\nx", 599, 1, b"x", True),
        (b"HTTP/1.1 200 \r\n" + LENGTH + b"\r\nx", 200, 1, b"x", True),
        (b"HTTP/1.1 200 \xe4\xff\r\n" + LENGTH + b"\r\nx", 200, 1, b"x", True),
        (b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nx", 200, 1, b"x", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH + b"\r\nx", 200, 1, b"x", False),
        (OK + LENGTH + b"Connection: close\r\n\r\nx", 200, 1, b"x", False),
        (OK + LENGTH + b"Connection: a, Close\r\n\r\nx", 200, 1, b"x", False),
        (OK + LENGTH + b"Connection: a\r\nConnection: close\r\n\r\nx", 200, 1, b"x", False),
        (OK + LENGTH + b"Connection: x-close-hint\r\n\r\nx", 200, 1, b"x", True),
        (OK + LENGTH + b"Connection: keep-alive\r\n\r\nx", 200, 1, b"x", True),
        (OK + LENGTH + b"Proxy-Connection: close\r\n\r\nx", 200, 1, b"x", True),
        (OK + LENGTH + b"Upgrade: h2c\r\n\r\nx", 200, 1, b"x", True),
    ],
)
def test_where_an_answer_ends(data: bytes, status: int, length: int | None, body: bytes, *, is_reusable: bool) -> None:
    """A body ends by its length or its chunks, or there is none by its status; and with it the connection, or not."""
    reader, found = read(data)
    assert reader.head is not None
    assert (reader.head.status, reader.head.length, found) == (status, length, body)
    assert reader.is_complete
    assert (reader.is_reusable, reader.is_ready) == (is_reusable, is_reusable)


@pytest.mark.parametrize(
    "data", [UNTIL_CLOSE, b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello!", OK + b"Connection: close\r\n\r\nhello!"]
)
def test_what_lasts_until_the_connection_closes(data: bytes) -> None:
    """An answer without any length ends with its connection, and leaves nothing to reuse."""
    reader, body = read(data)
    assert (body, reader.is_complete) == (b"hello!", False)
    assert reader.feed(b" and more") == b" and more"
    reader.end()
    assert reader.is_complete
    assert not reader.is_reusable


@pytest.mark.parametrize(
    ("lines", "is_last"),
    [
        (b"Connection: close\r\n", True),
        (b"Connection: a, CLOSE\r\n", True),
        (b"Connection: x-close-hint\r\n", False),
        (b"X: close\r\n", False),
    ],
)
def test_an_upstream_that_is_about_to_end_is_known(lines: bytes, *, is_last: bool) -> None:
    """Only ``close``, as a word of Connection, says that the upstream closes the connection."""
    assert read(OK + LENGTH + lines + b"\r\n")[0].is_last is is_last


@pytest.mark.parametrize("framing", [b"Content-Length: 6\r\n", CHUNKS, b""])
def test_an_answer_to_head_ends_with_its_head(framing: bytes) -> None:
    """An answer to HEAD has no body, and its connection is not trusted to have sent none."""
    reader, body = read(OK + framing + b"\r\n", is_head_request=True)
    assert (body, reader.is_complete, reader.is_reusable) == (b"", True, False)
    assert reader.feed(b"hello!") == b""
    length = reader.head and reader.head.length
    assert length == (6 if b"6" in framing else None)


# One answer, and only when it is expected


@given(st.binary(min_size=1, max_size=50))
def test_surplus_makes_a_connection_unfit(surplus: bytes) -> None:
    """Bytes after an answer, in a piece of their own, are never read as another."""
    for answer in (SIZED, CHUNKED):
        reader, body = read(answer, surplus)
        assert (body, reader.is_complete, reader.is_reusable, reader.is_ready) == (b"hello!", True, False, False)


@pytest.mark.parametrize("surplus", [b"x", b"\r\n", OK + b"Content-Length: 0\r\n\r\n"])
@pytest.mark.parametrize(
    "answer", [SIZED, CHUNKED, b"HTTP/1.1 204 x\r\nX-A: 1\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"]
)
def test_surplus_in_the_same_piece(answer: bytes, surplus: bytes) -> None:
    """The same holds where they come together with the answer, and where the answer has no body."""
    reader, body = read(answer + surplus)
    assert body in {b"hello!", b""}
    assert reader.is_complete
    assert not reader.is_reusable


def test_an_answer_without_a_request() -> None:
    """Unsolicited bytes on a connection make it unfit."""
    reader = AnswerReader()
    assert reader.feed(SIZED) == b""
    assert reader.head is None
    assert not reader.is_reusable


def test_one_answer_after_the_other() -> None:
    """A reader that is ready reads the next answer as it read the first: nothing of the first is left."""
    reader = AnswerReader()
    for length in (1, 2, 1):
        reader.expect()
        assert (reader.head, reader.is_complete) == (None, False)
        assert reader.feed(OK + b"A: 1\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length) == b"x" * length
        assert reader.head is not None
        assert (reader.head.length, reader.head.lines) == (length, b"a: 1\r\ncontent-length: %d\r\n" % length)
        assert reader.is_ready


def test_interim_answers_are_read_over() -> None:
    """Some interim answers may come ahead of the final one; nothing of them passes."""
    head = read_head(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * MAX_INTERIM + OK + LENGTH + b"\r\n")
    assert (head.status, head.lines) == (200, b"content-length: 1\r\n")
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n")[0].head is None


def test_another_protocol_is_passed_on() -> None:
    """Where an upgrade was asked for, 101 is the answer, and what follows is passed on until the upstream closes."""
    reader, body = read(SWITCHED, b" \0\r\n\r\n", is_upgrade=True)
    assert reader.head is not None
    assert (reader.head.status, reader.head.length, reader.head.lines) == (101, None, b"x-a: 1\r\n")
    assert reader.head.headers == [(b"upgrade", b"x"), (b"connection", b"upgrade"), (b"x-a", b"1")]
    assert (body, reader.is_complete, reader.is_reusable) == (b"hello! \0\r\n\r\n", False, False)
    reader.end()
    assert reader.is_complete


def test_an_upgrade_may_be_declined() -> None:
    """An upstream that answers an upgrade otherwise has its answer read like any other."""
    reader, body = read(SIZED, is_upgrade=True)
    assert (body, reader.is_complete, reader.is_reusable) == (b"hello!", True, True)


# What goes on


@pytest.mark.parametrize(
    ("lines", "passing"),
    [
        ([b"Server: nginx", b"Date: Tue, 24 Nov 2026 15:00:00 GMT", b"Keep-Alive: timeout=5"], []),
        ([b"Connection: keep-alive", b'ETag: "1"', b"X-Request-Id: of-its-own"], [b'etag: "1"']),
        ([b"Connection: a", b"A: 1", b"B: 2"], [b"b: 2"]),
        ([b"A: 1", b"B: 2", b"Connection: B", b"Connection: keep-alive, a"], []),
        ([b"Connection: x-close-hint", b"X-Close-Hint: 1", b"A: 1"], [b"a: 1"]),
        ([b"Set-Cookie: a=1", b"SET-COOKIE: b=2"], [b"set-cookie: a=1", b"set-cookie: b=2"]),
        ([b"A:", b"B: \t x \t", b"C:d:e"], [b"a: ", b"b: x", b"c: d:e"]),
        ([b"A: \xc3\xa4 \xff"], [b"a: \xc3\xa4 \xff"]),
        ([b"!#$%&'*+-.^_`|~09aZ: 1"], [b"!#$%&'*+-.^_`|~09az: 1"]),
    ],
)
def test_what_goes_on(lines: Sequence[bytes], passing: list[bytes]) -> None:
    """All lines pass with their values unchanged, but for hop-by-hop ones and those that Connection names."""
    data = b"".join([OK, *(line + b"\r\n" for line in lines), LENGTH, b"\r\n"])
    for _ in range(2):
        assert read_head(data).lines == b"".join(line + b"\r\n" for line in (*passing, b"content-length: 1"))


@pytest.mark.parametrize("status", [b"204 x", b"304 x"])
def test_no_length_goes_on_where_no_body_is(status: bytes) -> None:
    """An answer that has no body by its status announces none."""
    assert read_head(b"HTTP/1.1 " + status + b"\r\n" + LENGTH + b"A: 1\r\n\r\n").lines == b"a: 1\r\n"


@pytest.mark.parametrize(
    "lines", [ECHO + LENGTH, LENGTH + ECHO, ECHO.title() + LENGTH, b"X-Request-ID: of-its-own\r\n" + LENGTH + ECHO]
)
def test_the_requests_id_does_not_go_on(lines: bytes) -> None:
    """The line in which the upstream repeats the request's id is left out, and the rest passes unchanged."""
    reader, _ = read(OK + lines + b"\r\n", echo=ECHO)
    assert reader.head is not None
    assert reader.head.lines == b"content-length: 1\r\n"


@pytest.mark.parametrize("line", [b"A: " + ECHO, b"A: 1 " + ECHO, b"A-" + ECHO, ECHO[:-2] + b"0\r\n"])
def test_what_only_holds_the_requests_id_goes_on(line: bytes) -> None:
    """Another line that ends with that text is a line like any other: the next one is not joined to it."""
    reader, body = read(OK + line + LENGTH + b"\r\nx", echo=ECHO)
    assert reader.head is not None
    assert reader.head.length == 1
    assert (body, reader.is_ready) == (b"x", True)
    assert (
        reader.head.lines == (b"" if line.startswith(b"x-") else line.replace(b"A", b"a", 1)) + b"content-length: 1\r\n"
    )


@pytest.mark.parametrize(
    ("line", "says"), [(b"Cache-Control: a\r\n", True), (b"CACHE-control:\r\n", True), (b"Pragma: no-cache\r\n", False)]
)
def test_what_says_caching_is_known(line: bytes, *, says: bool) -> None:
    """Cache-Control, wherever it stands, shows that the upstream says how long its answer may be kept."""
    for data in (line + LENGTH, LENGTH + line):
        assert read_head(OK + data + b"\r\n").says_caching is says
