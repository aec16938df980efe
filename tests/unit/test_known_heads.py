"""Heads that are looked up by their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.canonical_paths import CanonicalPath
from gateway.wire.headers import read_request_headers
from gateway.wire.request_heads import MOST_REMEMBERED, Memory, read_plain_request, read_plain_target
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
    assert (known.token, known.naming) == ("x", ())


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        (b"", None),
        (b"Authorization: a.b.c\r\n", "a.b.c"),
        (b"authorization: bearer  a.b.c\r\n", "a.b.c"),
        (b"Authorization: a\r\nAuthorization: a\r\n", None),
    ],
)
def test_a_token_is_known_where_there_is_one(lines: bytes, token: str | None) -> None:
    """A single Authorization header holds a token; of several none counts."""
    known = read_plain_request(HOST + lines + b"\r\n", HOSTS)
    assert known is not None
    assert known.token == token


def test_what_names_a_request_is_known() -> None:
    """Of all lines, just those that the record of a request begins with are set apart."""
    lines = b"X-Request-ID: mine-1234\r\nA: 1\r\nTraceparent: 00\r\n"
    known = read_plain_request(HOST + lines + b"\r\n", HOSTS)
    assert known is not None
    assert known.naming == ((b"x-request-id", b"mine-1234"), (b"traceparent", b"00"))


@pytest.mark.parametrize(
    "line",
    [
        *(b"POST /a HTTP/1.1", b"HEAD /a HTTP/1.1", b"get /a HTTP/1.1", b"GET /a HTTP/1.0", b"GET /a HTTP/1.1 "),
        *(b"GET  /a HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /a", b"GET http://a/ HTTP/1.1", b"GET * HTTP/1.1", b""),
        *(b"GET /%75 HTTP/1.1", b"GET //a HTTP/1.1", b"GET /a?b#c HTTP/1.1", b"GET /\xff HTTP/1.1"),
    ],
)
def test_another_request_line_is_left_to_the_general_path(line: bytes) -> None:
    """What does not GET a canonical path by HTTP/1.1 is not known."""
    assert read_plain_target(line) is None


def test_a_plain_request_line_says_path_and_query() -> None:
    """The target of a GET is cut at the first question mark, and its path is canonical."""
    path = CanonicalPath("/a \u00fc", b"/a%20%C3%BC")
    assert read_plain_target(b"GET /a%20%c3%bc?x=?y HTTP/1.1") == (path, b"x=?y")


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


def test_a_memory_is_bounded_and_reads_each_block_once() -> None:
    """A block is read once while it is remembered; a full memory starts anew; what is not known is read each time."""
    read: list[bytes] = []

    def note(block: bytes) -> bytes | None:
        read.append(block)
        return block or None

    memory = Memory(note)
    assert [memory[b"a"], memory[b"a"]] == [b"a", b"a"]
    assert read == [b"a"]
    assert [memory[b""], memory[b""]] == [None, None]
    assert read == [b"a", b"", b""]
    for number in range(MOST_REMEMBERED):
        memory[b"%d" % number]
    memory[b"a"]
    assert read[-1] == b"a"
