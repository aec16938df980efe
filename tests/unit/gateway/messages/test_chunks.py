"""Chunked bodies: decoded the same wherever they are cut, by exactly the grammar, in bounds."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.chunks import LAST_CHUNK, MAX_FRAMING, ChunkReader, ChunksBroken, encode_chunk

BODY = b'5\r\nhello\r\nB ;x=y; z="1 \xff"\r\n \r\n0\r\n\r\nend\r\n00\r\nX-T: 1\r\ny_z:\r\n\r\n'
DATA = b"hello \r\n0\r\n\r\nend"


def read(pieces: Iterable[bytes]) -> tuple[bytes, bytes, bool] | None:
    """Return the data in the pieces of a body, what follows its end, and whether that came; None where it is broken."""
    reader, found, rest = ChunkReader(), b"", b""
    try:
        for piece in pieces:
            if reader.is_complete:
                rest += piece
                continue
            data, rest = reader.feed(piece)
            found += data
    except ChunksBroken:
        return None
    return found, rest, reader.is_complete


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the bytes in pieces."""
    ends = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


# However the bytes are cut


def test_a_body_may_be_cut_anywhere() -> None:
    """A body is read the same, wherever it is cut in two, and byte by byte; what follows its end is not touched."""
    whole = (DATA, b"GET / ", True)
    sent = BODY + b"GET / "
    assert read([sent]) == whole
    for place in range(1, len(sent)):
        assert read(cut(sent, [place])) == whole
    assert read(cut(sent, range(1, len(sent)))) == whole


fragments = st.sampled_from(
    [
        *(
            b"5\r\nhello\r\n",
            b"0\r\n",
            b"\r\n",
            b"1\r\n",
            b"x",
            b"x\r\n",
            b"a",
            b"A:b\r\n",
            b"\n",
            b"\r",
            b";x",
            b" ;x\r\n",
        ),
        *(b"G\r\n", b"0", b"-1\r\n", b"fffffffffffffff\r\n", b"\0", b"\xff"),
    ]
)


@given(st.lists(fragments, max_size=12).map(b"".join), st.sets(st.integers(1, 60), max_size=20))
def test_where_any_bytes_are_cut_makes_no_difference(data: bytes, places: set[int]) -> None:
    """Whatever comes, it has one reading, or none, however the network cuts it; nothing else is raised."""
    assert read(cut(data, places)) == read([data])


@given(st.lists(st.binary(max_size=40), max_size=8), st.sets(st.integers(1, 400), max_size=20))
def test_what_is_put_together_is_taken_apart(pieces: list[bytes], places: set[int]) -> None:
    """Pieces of data, encoded each for itself, arrive as they were; an empty one does not end the body."""
    sent = b"".join(map(encode_chunk, pieces)) + LAST_CHUNK
    assert read(cut(sent + b"x", places)) == (b"".join(pieces), b"x", True)


@pytest.mark.parametrize(
    ("data", "sent"), [(b"", b""), (b"a", b"1\r\na\r\n"), (b"x" * 26, b"1a\r\n" + b"x" * 26 + b"\r\n")]
)
def test_a_chunk_says_its_length(data: bytes, sent: bytes) -> None:
    """A chunk is its length in hexadecimal digits and its data; none is written for no data."""
    assert encode_chunk(data) == sent


def test_data_is_given_as_it_comes() -> None:
    """What has come of a chunk is returned at once, whatever its announced length."""
    reader = ChunkReader()
    assert reader.feed(b"ffffffffffffff\r\nab") == (b"ab", b"")
    assert reader.feed(b"cd") == (b"cd", b"")
    assert reader.feed(b"") == (b"", b"")
    assert not reader.is_complete


# What is no chunked body

BROKEN = {
    "no size": b"\r\n",
    "an empty line before": b"\r\n5\r\nhello\r\n",
    "a negative size": b"-1\r\n",
    "a signed size": b"+1\r\na\r\n",
    "a prefixed size": b"0x1\r\na\r\n",
    "a size with an underscore": b"1_0\r\n",
    "a size that is no number": b"g\r\n",
    "a size beyond any": b"1" * 16 + b"\r\n",
    "an extension without a name": b"1;\r\na\r\n0\r\n\r\n",
    "a blank before the size": b" 1\r\na\r\n",
    "a blank after the size": b"1 \r\na\r\n",
    "a word after the size": b"1 a\r\na\r\n",
    "a size in other digits": "\N{ARABIC-INDIC DIGIT ONE}\r\na\r\n".encode(),
    "a bare line feed after the size": b"1\na\r\n",
    "a bare carriage return after the size": b"1\ra\r\n\r\n",
    "two carriage returns": b"1\r\r\na\r\n",
    "a line feed in an extension": b"1;a\nb\r\na\r\n",
    "a carriage return in an extension": b"1;a\rb\r\na\r\n",
    "a NUL in an extension": b"1;\0\r\na\r\n",
    "a DEL in an extension": b"1;\x7f\r\na\r\n",
    "less data than announced": b"5\r\nhell\r\n\r\n",
    "more data than announced": b"5\r\nhello!\r\n",
    "a bare line feed after the data": b"1\r\na\n",
    "a bare carriage return after the data": b"1\r\na\rb\n",
    "no line end after the data": b"1\r\na0\r\n\r\n",
    "a blank after the data": b"1\r\na \r\n",
    "a bare line feed at the end": b"0\r\n\n",
    "a trailer without a colon": b"0\r\nA\r\n\r\n",
    "a trailer without a name": b"0\r\n: 1\r\n\r\n",
    "a space before a trailer's colon": b"0\r\nA : 1\r\n\r\n",
    "a folded trailer": b"0\r\nA: 1\r\n 2\r\n\r\n",
    "a NUL in a trailer": b"0\r\nA: \0\r\n\r\n",
    "a carriage return in a trailer": b"0\r\nA: 1\r2\r\n\r\n",
    "a bare line feed after a trailer": b"0\r\nA: 1\n\r\n",
    "a chunk after the last": b"0\r\n1\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_not_of_exactly_the_grammars_form_is_broken(data: bytes) -> None:
    """A body that could end in two places is refused, as a whole and byte by byte."""
    assert read([data]) is None
    assert read(cut(data, range(1, len(data)))) is None


@pytest.mark.parametrize(
    "data",
    [
        b"0000000000000000000001\r\na\r\n",
        b"1 ; a\r\na\r\n",
        b'1\t;\ta="\xff"\r\na\r\n',
        b"01\r\na\r\n",
        b"a\r\n0123456789\r\n",
        b"A\r\n0123456789\r\n",
    ],
)
def test_what_the_grammar_allows_is_read(data: bytes) -> None:
    """Extensions, blanks before them, any number of zeros ahead and both cases of digits are read and dropped."""
    found = read([data + LAST_CHUNK])
    assert found is not None
    assert (found[0], found[2]) == (data.split(b"\r\n")[1], True)


# Bounds

SIZE = MAX_FRAMING // 4


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"1;", b"a" * SIZE),
        (b"0\r\nA: ", b"a" * SIZE),
        (b"0\r\n", (b"A: " + b"a" * SIZE + b"\r\n")),
        (b"0\r\n", b"A:\r\n" * (SIZE // 4)),
        (b"", b"0" * SIZE),
    ],
)
def test_what_leads_to_no_data_is_bounded(begin: bytes, again: bytes) -> None:
    """Extensions, trailers and lines without an end break the body after a bounded number of bytes."""
    assert read([begin, *[again] * 5]) is None
    assert read([begin + again * 5]) is None


def test_the_bound_is_for_what_is_beyond_it() -> None:
    """As many bytes as are allowed may stand between two pieces of data, in one piece or byte by byte."""
    data_end, size = b"\r\n", b"1;"
    for extension in (MAX_FRAMING - len(data_end) - len(size) - 2, MAX_FRAMING - len(data_end) - len(size) - 1):
        sent = b"1\r\na" + data_end + size + b"x" * extension + b"\r\nb\r\n" + LAST_CHUNK
        is_read = extension == MAX_FRAMING - len(data_end) - len(size) - 2
        for pieces in ([sent], cut(sent, range(1, len(sent), 97))):
            assert read(pieces) == ((b"ab", b"", True) if is_read else None)


def test_data_begins_the_count_anew() -> None:
    """A body may have any number of chunks with extensions, each within the bound."""
    chunk = b"1;" + b"x" * SIZE + b"\r\na\r\n"
    assert read([chunk * 20 + LAST_CHUNK]) == (b"a" * 20, b"", True)
