"""Heads of answers that are read line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.answer_heads import PlainAnswer, PlainAnswers
from gateway.wire.answer_reader import ResponseReader
from gateway.wire.headers import answer_headers, encode_lines

ECHO = b"x-request-id: 0123456789\r\n"
LENGTH = b"Content-Length: 1\r\n"

NOT_PLAIN = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
    "no length after all": b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
    "the last answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
    "the last answer to another": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nProxy-Connection: close\r\n\r\n",
    "a header that Connection names": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: a\r\nA: 1\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "an upgrade that is offered": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nUpgrade: h2c\r\n\r\n",
    "no body by its status": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
    "an unknown status": b"HTTP/1.1 600 What\r\nContent-Length: 1\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "an empty head": b"\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: 1\r\n 2\r\n\r\n",
    "a line folded under the request's id": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + ECHO + b" 2\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: 1\nB: 2\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: \0\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + b"A: 1\r\n" * 100 + b"\r\n",
}

names = st.sampled_from(
    [
        *(b"Content-Length", b"content-length", b"Cache-Control", b"Connection", b"Transfer-Encoding", b"Keep-Alive"),
        *(b"Server", b"Date", b"X-Request-ID", b"ETag", b"Set-Cookie", b"A", b"", b"A_b", b"A b", b"Trailer"),
    ]
)
values = st.sampled_from([b"1", b"keep-alive", b"close", b"no-store", b"chunked", b"a, b", b"\t", b"", b"1 ", b"\xff"])
lines = st.tuples(names, st.sampled_from([b": ", b":", b":  ", b" : ", b"\n", b": \r\n "]), values).map(b"".join)
statuses = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 x"]
)


def _read(head: bytes, *, is_private: bool = False) -> PlainAnswer | None:
    return PlainAnswers().read(head, ECHO, is_private=is_private)


def _read_in_general(head: bytes, *, is_private: bool) -> PlainAnswer:
    """Return what the general path makes of a head, or raise AnswerBroken."""
    reader = ResponseReader()
    reader.expect(is_head_request=False)
    reader.feed(head)
    assert reader.head is not None
    assert reader.is_reusable
    headers = reader.head.headers
    (length,) = (int(value) for name, value in headers if name == b"content-length")
    passing = answer_headers(reader.head.status, headers, is_private=is_private)
    return PlainAnswer(reader.head.status, length, encode_lines(passing))


@pytest.mark.parametrize("head", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_an_answer_that_is_not_plain_is_left_to_the_general_path(head: bytes) -> None:
    """An answer whose body does not end by Content-Length, or after which the connection ends, is not known."""
    assert _read(head) is None


@given(status=statuses, fields=st.lists(lines, max_size=5), is_private=st.booleans())
def test_a_plain_answer_means_what_the_general_path_reads(
    status: bytes, fields: list[bytes], *, is_private: bool
) -> None:
    """Whatever the lines, the head has the reading of the general path, or none."""
    head = b"\r\n".join([status, *fields, b"", b""])
    answer = _read(head, is_private=is_private)
    if answer is not None:
        assert answer == _read_in_general(head, is_private=is_private)


@pytest.mark.parametrize("is_private", [True, False])
def test_usual_answers_are_plain(*, is_private: bool) -> None:
    """The heads that services send are known, and mean what the general path reads."""
    head = b"\r\n".join(
        [
            *(b"HTTP/1.1 201 Created", b"Server: nginx", b"Date: Tue, 24 Nov 2026 15:00:00 GMT", b"Content-Length: 5"),
            *(
                b"Connection: keep-alive",
                b"Keep-Alive: timeout=5",
                b'ETag: "1"',
                b"X-Request-Id: of-its-own",
                b"A:",
                b"",
            ),
            b"",
        ]
    )
    assert _read(head, is_private=is_private) == _read_in_general(head, is_private=is_private)


def test_the_requests_id_does_not_go_on() -> None:
    """The line by which the upstream repeats the request's id is left out, and the rest goes on as it is."""
    assert _read(b"HTTP/1.1 200 OK\r\n" + ECHO + LENGTH + b"\r\n") == PlainAnswer(200, 1, b"content-length: 1\r\n")
    assert _read(b"HTTP/1.1 200 OK\r\n" + LENGTH + ECHO + b"\r\n") == PlainAnswer(200, 1, b"content-length: 1\r\n")


def test_what_depends_on_who_asks_is_not_stored() -> None:
    """A private answer that says nothing of caches says no-store; one that does is left as it is."""
    head = b"HTTP/1.1 200 OK\r\n" + LENGTH
    stored, kept = _read(head + b"\r\n", is_private=True), _read(head + b"Cache-Control: a\r\n\r\n", is_private=True)
    assert stored == PlainAnswer(200, 1, b"content-length: 1\r\ncache-control: no-store\r\n")
    assert kept == PlainAnswer(200, 1, b"content-length: 1\r\ncache-control: a\r\n")


def test_an_answer_is_read_anew_by_those_who_read_it_before() -> None:
    """Lines that are remembered mean in another head what they meant in the first."""
    answers = PlainAnswers()
    for length in (1, 2, 1):
        head = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: %d\r\n\r\n" % length
        answer = answers.read(head, ECHO, is_private=False)
        assert answer == PlainAnswer(200, length, b"a: 1\r\ncontent-length: %d\r\n" % length)
