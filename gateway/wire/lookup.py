"""What was read before is looked up by its exact bytes, in bounded memory. Pure.

The same header lines come again and again, on either side. What they mean is a function of their bytes alone, so it is
read once, by the same rules as everything else. A memory that is full starts anew; what is long is not remembered.
"""

from collections.abc import Callable
from typing import TypeVar

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096  # bytes

Meaning = TypeVar("Meaning")


class Lookup(dict[bytes, Meaning]):
    """Remembers what ``read`` says of some bytes: ``memory[data]``. Whatever ``read`` raises is not remembered.

    It is a dictionary so that looking up what is known costs no call.
    """

    def __init__(self, read: Callable[[bytes], Meaning]) -> None:
        self._read = read

    def __missing__(self, data: bytes) -> Meaning:
        """Return what bytes mean that are not remembered."""
        meaning = self._read(data)
        if len(data) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[data] = meaning
        return meaning
