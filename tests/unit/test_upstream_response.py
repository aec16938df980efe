"""Reading an upstream's answer: the same however its bytes are cut, in bounds, and never more than one."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.answer_reader import MAX_HEAD_SIZE, AnswerBroken, ResponseReader

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
)
SIZED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-A: 1\r\n\r\nhello!"


def read(*pieces: bytes, is_head_request: bool = False) -> ResponseReader:
    """Feed the pieces of one answer."""
    reader = ResponseReader()
    reader.expect(is_head_request=is_head_request)
    for piece in pieces:
        reader.feed(piece)
    return reader


@given(st.sampled_from([CHUNKED, SIZED]), st.sets(st.integers(1, 100), max_size=20))
def test_where_it_is_cut_makes_no_difference(answer: bytes, cuts: set[int]) -> None:
    """An answer is read the same, however the network cuts it."""
    places = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    reader = read(*(answer[start:end] for start, end in pairwise(places)))
    assert reader.head is not None
    assert reader.head.status == 200
    assert (b"x-a", b"1") in reader.head.headers
    assert b"x-t" not in {name for name, _ in reader.head.headers}
    assert reader.take_body() == b"hello!"
    assert reader.is_complete
    assert reader.is_reusable


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_end_as_an_answer_or_broken(data: bytes, is_head_request: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever comes, nothing but AnswerBroken is raised."""
    with contextlib.suppress(AnswerBroken):
        read(b"HTTP/1.1 ", data, is_head_request=is_head_request).end()


@given(st.binary(min_size=1, max_size=50))
def test_surplus_makes_a_connection_unfit(surplus: bytes) -> None:
    """Bytes after an answer, in a piece of their own, are never read as another."""
    reader = read(SIZED, surplus)
    assert reader.take_body() == b"hello!"
    assert not reader.is_reusable


@pytest.mark.parametrize("surplus", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_surplus_in_the_same_piece(surplus: bytes) -> None:
    """The same holds where they come together with the answer."""
    for answer in (SIZED, CHUNKED):
        reader = read(answer + surplus)
        assert reader.take_body() == b"hello!"
        assert not reader.is_reusable


def test_an_answer_without_a_request() -> None:
    """Bytes on a connection that waits for nothing make it unfit."""
    reader = ResponseReader()
    reader.feed(SIZED)
    assert reader.head is None
    assert not reader.is_reusable


def test_an_answer_to_head_ends_with_its_head() -> None:
    """An answer to HEAD has no body, and its connection is not trusted to have sent none."""
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", is_head_request=True)
    assert reader.is_complete
    assert not reader.is_reusable


@pytest.mark.parametrize(
    "endless",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
)
def test_what_never_ends_is_broken(endless: bytes) -> None:
    """Endless fields, trailers and chunk extensions end the answer after a bounded number of bytes."""
    with pytest.raises(AnswerBroken):
        read(endless, *[b"a" * 1024] * (MAX_HEAD_SIZE // 1024 + 1))


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_ends_the_connection_is_not_reused(answer: bytes) -> None:
    """HTTP/1.0 and answers that last until the connection closes leave nothing to reuse."""
    reader = read(answer)
    reader.end()
    assert reader.is_complete
    assert not reader.is_reusable
