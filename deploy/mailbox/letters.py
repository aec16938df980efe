"""The letters that came: the newest of them, bounded in number and in bytes. Pure."""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_LETTERS = 200
MOST_BYTES = 33_554_432  # of all letters together
LONGEST_LETTER = 1_048_576  # bytes that SMTP takes


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it came: the envelope's addresses, which nobody has checked, and its source."""

    number: int
    received_at: dt.datetime
    sender: str
    recipients: tuple[str, ...]
    source: bytes

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.source) + sum(len(address.encode()) for address in (self.sender, *self.recipients))


class Mailbox:
    """Letters, the newest first; the oldest make room for new ones."""

    def __init__(self, most_letters: int = MOST_LETTERS, most_bytes: int = MOST_BYTES) -> None:
        self._most_letters = most_letters
        self._most_bytes = most_bytes
        self._letters = deque[Letter]()
        self._bytes = 0
        self._last_number = 0

    def __iter__(self) -> Iterator[Letter]:
        return iter(self._letters)

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, sender: str, recipients: Sequence[str], source: bytes, received_at: dt.datetime) -> None:
        """Keep a letter. No number is ever given again, so that a page shows its own letter or none."""
        self._last_number += 1
        letter = Letter(self._last_number, received_at, sender, tuple(recipients), source)
        self._letters.appendleft(letter)
        self._bytes += letter.size
        while len(self._letters) > self._most_letters or self._bytes > self._most_bytes:
            self._bytes -= self._letters.pop().size

    def find(self, number: int) -> Letter | None:
        """Return the letter with a number, or None."""
        return next((letter for letter in self._letters if letter.number == number), None)

    def clear(self) -> None:
        """Forget all letters."""
        self._letters.clear()
        self._bytes = 0
