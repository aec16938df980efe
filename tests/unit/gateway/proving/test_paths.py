"""Regions of paths: what one path gets, all of its region get, from the policy itself."""

from collections.abc import Mapping

import pytest

from gateway.matching.matchers import compile_matcher
from gateway.policy.canonical_paths import MAX_PATH_LENGTH
from gateway.policy.file import load_policy
from gateway.proving.automata import TooComplex
from gateway.proving.paths import PathMap, measure, read_path
from gateway.settings import DEFAULT_RULES
from tests.support.generated_policies import PolicyMaker
from tests.support.policies import read, rule

ADDRESSES = {"AUTH_SERVICE_URL": "http://a", "POSTS_SERVICE_URL": "http://p"}


def count(path_map: PathMap, path: str) -> int | None:
    """Return how many paths are in the region of this one."""
    (region,) = [region for region in path_map.regions if region.label == path_map.get_label(path)]
    return path_map.tally_paths([region])


@pytest.mark.parametrize("seed", range(40))
def test_all_paths_of_a_region_get_the_same_rules(seed: int) -> None:
    """A policy gives every path the rules that it gives the path that stands for its region."""
    maker = PolicyMaker(seed)
    policy = maker.make_policy()
    path_map = PathMap([policy])
    standing = {region.label: region.path.text for region in path_map.regions}
    for request, _ in maker.make_requests((policy,), 60):
        path = request.path.text
        found = [candidate.rule for candidate in policy.list_candidates(path)]
        assert [each.rule for each in policy.list_candidates(standing[path_map.get_label(path)])] == found


def test_a_path_is_measured_as_it_is_sent() -> None:
    """Each character counts as the bytes of its percent-encoding."""
    for path in ("/a~", "/a b", '/"', "/é", "/안", "/😀", "/!$&'()*+,=:@"):
        assert sum(map(measure, map(ord, path))) == len(read_path(path).raw)


@pytest.mark.parametrize(
    ("matcher", "path", "size"),
    [
        ("/a", "/a", 2),
        ("/", "/", 1),
        ("/a/:x([ab]{2})", "/a/aa", 8),
        ("/:x", "/x", None),
        ("/a/:x(\\\\d?)", "/a/1", 21),
    ],
)
def test_paths_are_counted(matcher: str, path: str, size: int | None) -> None:
    """A trailing slash makes another path; without bound there is no number."""
    assert count(PathMap([read(rule(matcher))]), path) == size


def test_a_path_longer_than_the_gateway_takes_does_not_exist() -> None:
    """A matcher for paths that are too long to be accepted has no region."""
    long, longer = "/" + "a" * (MAX_PATH_LENGTH - 1), "/" + "a" * MAX_PATH_LENGTH
    tables: Mapping[str, str] = {"long": long, "longer": longer}
    path_map = PathMap([], {name: compile_matcher(source).dfa for name, source in tables.items()})
    assert [region.path.text for region in path_map.regions] == ["/", long]
    assert count(path_map, long) == 1  # with a slash more it is too long


def test_a_matcher_that_would_blow_up_is_named() -> None:
    """Where matchers need too many states together, the error says which."""
    tables = {name: compile_matcher(name).dfa for name in ("/(.*a.{9})", "/(.*b.{10})", "/(.*c)")}
    with pytest.raises(TooComplex, match="need more than 30000 states") as error:
        PathMap([], tables)
    assert "/(.*a.{9})" in str(error.value)
    assert "/(.*b.{10})" in str(error.value)
    assert "/(.*c)" not in str(error.value)


def test_the_policy_that_ships_has_few_regions() -> None:
    """Its rules meet rarely: there are no more regions than two for each matcher."""
    policy = load_policy(DEFAULT_RULES, ADDRESSES)
    assert len(PathMap([policy]).regions) < 2 * sum(len(each.matchers) for each in policy.rules)
