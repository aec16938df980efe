"""Partitions of texts: each text is in one region, each region has a cheapest text, and sets are counted exactly."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching.matchers import compile_regex
from gateway.proving.automata import NamedTable, Partition, TooComplex

LONGEST = 40
PIECES = ("a", "b", "ab", "a*", "b+", "(?:a|b)", "[ab]{2}", "(?:ab)?", "(?!a)[ab]", "[^a]", "(?<=a)b", "(?:aa)*", "é?")


def part(universe: str, *tables: str, longest: int = LONGEST) -> Partition:
    """Return a partition in which every character costs one."""
    named = [NamedTable(source, compile_regex(source)) for source in tables]
    return Partition(compile_regex(universe), named, lambda _: 1, (), longest)


def list_texts(longest: int, alphabet: str = "ab") -> list[str]:
    """Return all texts of at most that length."""
    return ["".join(text) for length in range(longest + 1) for text in product(alphabet, repeat=length)]


patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@given(st.lists(patterns, min_size=1, max_size=3))
def test_a_text_is_in_the_region_of_the_tables_that_accept_it(sources: list[str]) -> None:
    """Of all short texts, those with one label are counted, and the text of a region is a shortest of them."""
    partition = part("[ab]{0,5}", *sources)
    compiled = [re.compile(source) for source in sources]
    found: dict[frozenset[int], list[str]] = {}
    for text in list_texts(5):
        label = frozenset(number for number, regex in enumerate(compiled) if regex.fullmatch(text))
        found.setdefault(label, []).append(text)
    assert set(partition.texts) == set(found)
    for label, texts in found.items():
        assert partition.texts[label] in texts
        assert len(partition.texts[label]) == len(texts[0])
        assert partition.tally_texts([label]) == len(texts)
    assert partition.tally_texts(list(found)) == len(list_texts(5))


def test_a_set_without_bound_has_no_size() -> None:
    """A region whose texts may be of any length is not counted, though its neighbour is."""
    partition = part("a*b?", "a+", "b")
    assert partition.texts == {frozenset(): "", frozenset({0}): "a", frozenset({1}): "b"}
    assert [partition.tally_texts([frozenset(numbers)]) for numbers in ({0}, {1}, ())] == [None, 1, None]


def test_a_large_finite_set_is_counted() -> None:
    """Characters are counted by their sets, not one by one: all of Unicode to the third power."""
    assert part("[^]{3}", "[^]*").tally_texts([frozenset({0})]) == 0x110000**3


def test_a_set_that_takes_too_long_to_count_has_no_size() -> None:
    """Where texts have to be left out for their length, and they are many, they are not counted; else they are."""
    assert part("a{0,100}a{0,100}", longest=150).tally_texts([frozenset()]) == 151
    assert part("a{0,100}a{0,100}", longest=10_000).tally_texts([frozenset()]) == 201
    assert part("(?:[ab]{0,100}){2}", longest=150).tally_texts([frozenset()]) == 2**151 - 1
    universe, bounds = compile_regex("(?:[ab]{100}){2}"), (ord("a"), ord("b"))
    costly = Partition(universe, [], lambda point: 10_000 if point == ord("b") else 1, bounds, 500_000)
    assert costly.tally_texts([frozenset()]) is None


def test_what_costs_too_much_does_not_exist() -> None:
    """A text that costs more than the longest may is in no region, and in no count."""
    universe, table = compile_regex("(?:a{1,3}|b)"), NamedTable("b", compile_regex("b"))
    partition = Partition(universe, [table], lambda point: 5 if point == ord("b") else 1, (ord("b"), ord("b") + 1), 2)
    assert partition.texts == {frozenset(): "a"}
    assert partition.tally_texts([frozenset()]) == 2


def test_the_cheapest_text_is_not_always_the_one_with_fewest_characters() -> None:
    """Where characters cost differently, the cost decides."""
    universe = compile_regex("é|aaa")
    partition = Partition(universe, [], lambda point: 1 if point < 128 else 6, (128,), LONGEST)
    assert partition.texts == {frozenset(): "aaa"}


def test_texts_are_made_of_plain_characters_where_they_may_be() -> None:
    """A letter is preferred to a sign, and a sign that is asked for is taken."""
    assert part("[^/]", "[!-~]").texts[frozenset({0})] == "a"
    assert part("[^/a-z]").texts[frozenset()] == "0"
    assert part("[!,]").texts[frozenset()] == "!"


def test_what_would_take_too_many_states_is_named() -> None:
    """Tables that need too many states together are refused, and the error names those that need them."""
    with pytest.raises(TooComplex, match=re.escape("(?:.{233})* and (?:.{229})* need more than 30000 states")):
        part(".*", "a", "(?:.{229})*", "(?:.{233})*", longest=100_000)
