"""Where the frames of a WebSocket end, however their bytes come; by the frames that a real library writes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from gateway.websockets.frames import LONGEST_REASON, FrameFollower, write_close

LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 70_000)

short = [b"", b"x", bytes(125), b"\x88" * 9, b"\x88\x02\x03\xe8"]
messages = st.builds(
    Frame,
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.sampled_from([*short, bytes(126), bytes(65_536)]),
    st.booleans(),
)
frames = messages | st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.sampled_from(short))


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return the pieces of some bytes, cut at these places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.tuples(frames, st.booleans()), max_size=6), st.lists(st.integers(0, 1_000_000), max_size=12))
def test_where_a_frame_ends_is_known(sent: list[tuple[Frame, bool]], cuts: list[int]) -> None:
    """However frames are cut into pieces, it is between two of them exactly where one ends."""
    written = [frame.serialize(mask=mask) for frame, mask in sent]
    ends = {sum(map(len, written[:count])) for count in range(len(written) + 1)}
    follower, position = FrameFollower(), 0
    for piece in split(b"".join(written), cuts):
        follower.feed(piece)
        position += len(piece)
        assert follower.is_between == (position in ends)
    assert not follower.has_closed


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("mask", [False, True])
def test_every_length_is_read(length: int, *, mask: bool) -> None:
    """A length stands in one byte, in three or in nine."""
    data = Frame(Opcode.BINARY, bytes(length)).serialize(mask=mask)
    for cut in {1, 2, 3, 5, 9, 13, len(data) - 1} & set(range(1, len(data))):
        follower = FrameFollower()
        follower.feed(data[:cut])
        assert not follower.is_between
        follower.feed(data[cut:] + data)
        assert follower.is_between


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_bytes_are_followed(pieces: list[bytes]) -> None:
    """Whatever comes, nothing is raised, and hardly anything kept."""
    follower = FrameFollower()
    for piece in pieces:
        follower.feed(piece)
    assert len(follower._begun) < 14  # noqa: SLF001 - it can't be seen from outside


def test_the_last_frame_is_noticed() -> None:
    """After an upstream's own Close there is nothing to add."""
    follower = FrameFollower()
    follower.feed(Frame(Opcode.CLOSE, Close(1000, "done").serialize()).serialize(mask=False))
    assert (follower.is_between, follower.has_closed) == (True, True)


@pytest.mark.parametrize("reason", ["", "The session has ended", "x" * 500])
def test_a_close_is_one_that_clients_read(reason: str) -> None:
    """Our own Close is a whole frame with its code and reason."""
    close = Close(1008, reason[:LONGEST_REASON])
    assert write_close(1008, reason) == Frame(Opcode.CLOSE, close.serialize()).serialize(mask=False)
