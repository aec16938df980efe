"""Sets of points, written as few products: ``{a, b} x {1}`` instead of ``(a, 1), (b, 1)``. For people to read.

A point has one value in each dimension. The products that are returned are disjoint, and together they are the points.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable
from typing import TypeAlias, TypeVar

Coordinate = TypeVar("Coordinate", bound=Hashable)
Cube: TypeAlias = tuple[frozenset[Coordinate], ...]


def merge_points(points: Collection[tuple[Coordinate, ...]]) -> list[Cube[Coordinate]]:
    """Return the products that some points of equal length are, in an order that depends on theirs alone."""
    cubes = [tuple(frozenset({value}) for value in point) for point in points]
    before = len(cubes) + 1
    while len(cubes) < before:
        before = len(cubes)
        for dimension in reversed(range(len(cubes[0]) if cubes else 0)):
            cubes = _merge_along(cubes, dimension)
    return cubes


def _merge_along(cubes: list[Cube[Coordinate]], dimension: int) -> list[Cube[Coordinate]]:
    """Return the cubes, with those joined that differ in one dimension alone."""
    joined: defaultdict[Cube[Coordinate], frozenset[Coordinate]] = defaultdict(frozenset)
    for cube in cubes:
        joined[(*cube[:dimension], *cube[dimension + 1 :])] |= cube[dimension]
    return [(*rest[:dimension], values, *rest[dimension:]) for rest, values in joined.items()]
