"""Products of points: they are the points, all of them, and each once."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gateway.proving.cubes import merge_points

points = st.lists(st.tuples(*[st.integers(0, 2)] * 3), unique=True)


@given(points)
def test_products_are_the_points(given_points: list[tuple[int, ...]]) -> None:
    """Written out, the products are the points that were given, without repetition."""
    found = [point for cube in merge_points(given_points) for point in product(*cube)]
    assert sorted(found) == sorted(given_points)


def test_what_is_a_product_becomes_one() -> None:
    """Points that are a product become a single one, and others few."""
    assert merge_points(list(product("ab", "xy", "1"))) == [(frozenset("ab"), frozenset("xy"), frozenset("1"))]
    assert len(merge_points([("a", "x"), ("b", "x"), ("a", "y")])) == 2
    assert merge_points([]) == []
