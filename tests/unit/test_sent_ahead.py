"""What was sent ahead: given out piece by piece, with not a byte lost or moved."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.sent_ahead import END_OF_HEAD, SentAhead

PIECES = st.lists(st.text(alphabet="\r\na", max_size=12).map(str.encode), max_size=8)


@given(PIECES, st.integers(0, 6))
def test_nothing_is_lost(pieces: list[bytes], least: int) -> None:
    """All bytes come out in their order; after so many bytes, no piece goes on after the first end of a head in it."""
    ahead = SentAhead()
    for piece in pieces:
        ahead.add(piece)
    taken = []
    while ahead:
        taken.append(ahead.take(least))
    assert b"".join(taken) == b"".join(pieces)
    assert all(END_OF_HEAD not in piece[least:].removesuffix(END_OF_HEAD) for piece in taken)
    assert all(piece.endswith(END_OF_HEAD) for piece in taken[:-1])
    assert all(len(piece) >= least for piece in taken[:-1])


def test_a_body_of_ends_comes_in_few_pieces() -> None:
    """A body may consist of what ends heads; it is not read four bytes at a time."""
    ahead = SentAhead()
    ahead.add(END_OF_HEAD * 60_000)
    pieces = 0
    while ahead:
        ahead.take(1024)
        pieces += 1
    assert pieces < 60_000 * len(END_OF_HEAD) / 1024 + 1


def test_empty_lines_before_a_request() -> None:
    """Empty lines are dropped from the front and from nowhere else; what is cleared is gone."""
    ahead = SentAhead()
    ahead.add(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    ahead.drop_line_ends()
    assert ahead.take() == b"GET / HTTP/1.1\r\n\r\n"
    ahead.add(b"\r\n")
    ahead.drop_line_ends()
    assert not ahead
    ahead.add(b"more")
    ahead.clear()
    assert not ahead
