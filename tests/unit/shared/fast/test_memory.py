"""The bounded cache: entries are kept up to a bound, and the oldest is evicted first."""

from shared.fast.memory import Memory


def test_what_is_kept_is_found() -> None:
    """A value is found by its key, and nothing by any other."""
    memory: Memory[str, int] = Memory(2)
    memory.keep("a", 1)

    assert (memory.find("a"), memory.find("b"), len(memory)) == (1, None, 1)


def test_the_oldest_is_forgotten_first() -> None:
    """Beyond the bound the oldest entry is evicted; keeping one again neither needs room nor makes it younger."""
    memory: Memory[str, int] = Memory(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3)):
        memory.keep(key, value)
    assert (memory.find("a"), memory.find("b")) == (3, 2)

    memory.keep("c", 4)
    assert (memory.find("a"), memory.find("b"), memory.find("c"), len(memory)) == (None, 2, 4, 2)
