"""What was sent ahead: given out piece by piece, with not a byte lost or moved."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sent_ahead import END_OF_HEAD, SentAhead

PIECES = st.lists(st.text(alphabet="\r\na", max_size=12).map(str.encode), max_size=8)


@given(PIECES)
def test_nothing_is_lost(pieces: list[bytes]) -> None:
    """All bytes come out in their order, and no piece goes on after the first end of a head in it."""
    ahead = SentAhead()
    for piece in pieces:
        ahead.add(piece)
    taken = []
    while ahead:
        taken.append(ahead.take())
    assert b"".join(taken) == b"".join(pieces)
    assert all(END_OF_HEAD not in piece.removesuffix(END_OF_HEAD) for piece in taken)
    assert all(piece.endswith(END_OF_HEAD) for piece in taken[:-1])


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
