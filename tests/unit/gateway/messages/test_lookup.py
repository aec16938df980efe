"""What bytes mean is cached by the exact bytes, up to a bound."""

import pytest

from gateway.messages.lookup import LONGEST_REMEMBERED, MOST_REMEMBERED, Lookup


class Refused(Exception):
    """What is not to be cached."""


def note(read: list[bytes]) -> Lookup[bytes]:
    """Return a lookup that records which bytes it read; bytes that begin with ``no`` are refused."""

    def take(data: bytes) -> bytes:
        read.append(data)
        if data.startswith(b"no"):
            raise Refused
        return data[::-1]

    return Lookup(take)


def test_bytes_are_read_once() -> None:
    """What was read before is not read again, and never mistaken for other bytes."""
    read: list[bytes] = []
    memory = note(read)
    assert [memory[data] for data in (b"ab", b"ab", b"aB", b"ab", b"", b"")] == [b"ba", b"ba", b"Ba", b"ba", b"", b""]
    assert read == [b"ab", b"aB", b""]


def test_a_refusal_is_never_remembered() -> None:
    """What can't be read is read each time, and takes no room."""
    read: list[bytes] = []
    memory = note(read)
    for _ in range(3):
        with pytest.raises(Refused):
            memory[b"no"]
    assert len(read) == 3
    assert len(memory) == 0


def test_a_memory_is_bounded() -> None:
    """However many different bytes come, a bounded number is kept; a full cache starts afresh."""
    read: list[bytes] = []
    memory = note(read)
    for number in range(3 * MOST_REMEMBERED + 1):
        memory[b"%d" % number]
        assert len(memory) <= MOST_REMEMBERED
    assert len(memory) == 1
    memory[b"%d" % (3 * MOST_REMEMBERED)]
    assert len(read) == 3 * MOST_REMEMBERED + 1


def test_what_is_long_is_not_remembered() -> None:
    """Bytes beyond a bound are read each time, so that memory is bounded in bytes too."""
    read: list[bytes] = []
    memory = note(read)
    for length in (LONGEST_REMEMBERED, LONGEST_REMEMBERED + 1) * 2:
        assert memory[b"x" * length] == b"x" * length
    assert [len(data) for data in read] == [LONGEST_REMEMBERED, LONGEST_REMEMBERED + 1, LONGEST_REMEMBERED + 1]
