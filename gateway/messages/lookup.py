"""A bounded cache of what bytes mean, by the exact bytes. Pure.

The same header lines come again and again, on either side. What they mean is a function of their bytes alone, so they
are parsed once, by the same rules as everything else. A full cache starts afresh; long lines are not remembered.
"""

from collections.abc import Callable
from typing import TypeVar

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096  # bytes

Meaning = TypeVar("Meaning")


class Lookup(dict[bytes, Meaning]):
    """Caches what ``read`` returns for some bytes: ``lookup[data]``. What ``read`` raises is not cached.

    It is a dictionary, so that a hit costs no call.
    """

    def __init__(self, read: Callable[[bytes], Meaning]) -> None:
        self._read = read

    def __missing__(self, data: bytes) -> Meaning:
        """Read bytes that are not in the cache."""
        meaning = self._read(data)
        if len(data) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[data] = meaning
        return meaning
