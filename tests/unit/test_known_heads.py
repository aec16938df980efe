"""Heads that are looked up by their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers import answer_headers, encode_lines, read_request_headers
from gateway.known_heads import MOST_REMEMBERED, Memory, read_plain_answer, read_plain_request
from shared.errors import AppError

HOSTS = frozenset({b"localhost:3000"})
HOST = b"Host: localhost:3000\r\n"

NOT_PLAIN = {
    "no host": b"\r\n",
    "another host": b"Host: evil.example\r\n\r\n",
    "two hosts": HOST + HOST + b"\r\n",
    "a body by length": HOST + b"Content-Length: 3\r\n\r\n",
    "an empty body": HOST + b"Content-Length: 0\r\n\r\n",
    "a body in chunks": HOST + b"Transfer-Encoding: chunked\r\n\r\n",
    "an upgrade": HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an upgrade that Connection does not name": HOST + b"Upgrade: h2c\r\n\r\n",
    "an interim answer wanted": HOST + b"Expect: 100-continue\r\n\r\n",
    "the last request of its connection": HOST + b"Connection: close\r\n\r\n",
    "a name with an underscore": HOST + b"X_User: 1\r\n\r\n",
    "no end": HOST,
    "more than its end": HOST + b"\r\nGET / HTTP/1.1\r\n",
    "a bare line feed": HOST + b"A: 1\nB: 2\r\n\r\n",
    "an empty line within": HOST + b"\n\r\nA: 1\r\n\r\n",
    "a folded line": HOST + b"A: 1\r\n 2\r\n\r\n",
    "a space before the colon": HOST + b"A : 1\r\n\r\n",
    "a NUL": HOST + b"A: \0\r\n\r\n",
    "too many fields": HOST + b"A: 1\r\n" * 64 + b"\r\n",
    "too much": HOST + b"A: " + b"1" * 16_384 + b"\r\n\r\n",
    "Connection names what matters": HOST + b"Connection: authorization\r\n\r\n",
}


@pytest.mark.parametrize("block", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_general_path(block: bytes) -> None:
    """A head with a body, an upgrade, an end of the connection or a fault is not known."""
    assert read_plain_request(block, HOSTS) is None


def test_a_plain_head_means_what_its_lines_mean() -> None:
    """What crosses of a known head is what the header rules say of its lines."""
    block = HOST + b"Accept: */*\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=1\r\nAuthorization: Bearer x\r\n\r\n"
    known = read_plain_request(block, HOSTS)
    assert known is not None
    assert known.headers[1] == (b"accept", b"*/*")
    assert known.crossing == read_request_headers(known.headers, HOSTS)
    assert known.crossing.lines == b"host: localhost:3000\r\naccept: */*\r\n"


@given(st.lists(st.sampled_from([*b"\r\n", *b" :\t,;=\0AaHCoT-_1\xff"]), max_size=40).map(bytes))
def test_no_bytes_break_the_reading(noise: bytes) -> None:
    """Whatever stands among the lines, it is plain and the rules accept its lines, or it is not known."""
    known = read_plain_request(HOST + noise + b"\r\n\r\n", HOSTS)
    if known is not None:
        try:
            assert read_request_headers(known.headers, HOSTS) == known.crossing
        except AppError as error:  # pragma: no cover - a known head that the rules refuse
            pytest.fail(repr(error))
        assert b"\n" not in b"".join(name + value for name, value in known.headers)


NOT_PLAIN_ANSWERS = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "the last answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "no body by its status": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
    "an unknown status": b"HTTP/1.1 600 What\r\nContent-Length: 1\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "no end": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n",
}


@pytest.mark.parametrize("head", NOT_PLAIN_ANSWERS.values(), ids=NOT_PLAIN_ANSWERS)
def test_an_answer_that_is_not_plain_is_left_to_the_general_path(head: bytes) -> None:
    """An answer whose body does not end by Content-Length, or after which the connection ends, is not known."""
    assert read_plain_answer(head) is None


def test_a_plain_answer_goes_on_with_the_lines_that_the_rules_let_through() -> None:
    """A known answer has its status and length, and two sets of lines: for everybody, and for the one who asked."""
    known = read_plain_answer(b"HTTP/1.1 201 Created\r\nServer: x\r\nContent-Length: 5\r\nETag: 1\r\n\r\n")
    headers = [(b"server", b"x"), (b"content-length", b"5"), (b"etag", b"1")]
    assert known is not None
    assert (known.status, known.length) == (201, 5)
    assert known.lines == encode_lines(answer_headers(201, headers, is_private=False))
    assert known.private_lines == known.lines + b"cache-control: no-store\r\n"


def test_a_memory_is_bounded_and_reads_each_block_once() -> None:
    """A block is read once while it is remembered; a full memory starts anew; what is not known is read each time."""
    read: list[bytes] = []

    def note(block: bytes) -> bytes | None:
        read.append(block)
        return block or None

    memory = Memory(note)
    assert [memory.recall(b"a"), memory.recall(b"a")] == [b"a", b"a"]
    assert read == [b"a"]
    assert [memory.recall(b""), memory.recall(b"")] == [None, None]
    assert read == [b"a", b"", b""]
    for number in range(MOST_REMEMBERED):
        memory.recall(b"%d" % number)
    memory.recall(b"a")
    assert read[-1] == b"a"
