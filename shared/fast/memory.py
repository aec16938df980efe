"""A bounded cache, which evicts the oldest entry first.

For results that depend on their key alone. What time or a revocation may change is checked again each time, by the
cache's user. And only results for valid input go into a cache that clients share: junk, which anybody can send without
end, would evict the others.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from shared.fast.switch import FAST

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Keeps the last ``most`` values, each by its key; ``find`` returns one, or None."""

    __slots__ = ("_kept", "_most", "find")

    def __init__(self, most: int) -> None:
        self._most = most if FAST.is_on else 0
        self._kept: OrderedDict[Key, Value] = OrderedDict()  # in a plain dict the oldest is slow to find
        self.find: Callable[[Key], Value | None] = self._kept.get

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Key, value: Value) -> None:
        """Keep a value, and evict the oldest beyond ``most``."""
        self._kept[key] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all values."""
        self._kept.clear()
