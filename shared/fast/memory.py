"""What was found out once and need not be found out again: a bounded memory, which forgets the oldest first.

For answers that follow from their question alone. What the time or a revocation may change is asked again each time, by
whoever remembers the rest. And only what proved itself is kept beside what others proved: junk, which anybody can send
without end, would drive that out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Keeps the last ``most`` values, each by its key; ``find`` returns one, or None."""

    __slots__ = ("_kept", "_most", "find")

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()  # of a plain one the oldest is slow to find
        self.find: Callable[[Key], Value | None] = self._kept.get

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Key, value: Value) -> None:
        """Remember a value, and forget the oldest beyond ``most``."""
        self._kept[key] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
