"""What a Next.js project guards and the policy leaves open: all of it, and only that."""

import pytest

from gateway.policy.file import load_policy
from gateway.proving.nextjs import GuardComparison, compare_guards
from gateway.proving.nextjs_file import NextMatcher
from gateway.proving.nextjs_tokens import NextjsUnreadable
from gateway.settings import DEFAULT_RULES
from tests.support.policies import has, read, rule

ADDRESSES = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}


def compare(sources: list[str], *rules: str) -> GuardComparison:
    """Compare a matcher with a policy."""
    return compare_guards(read(*rules), [NextMatcher(source, 1) for source in sources])


def test_both_agree() -> None:
    """Where no public rule decides any of the paths, both agree; paths without a rule are told, but not open."""
    guards = compare(["/a/:x*", "/c"], rule("/a/:x*", "page"), rule("/b"))
    assert guards.is_guarded
    assert [(gap.path.text, gap.size) for gap in guards.unrouted] == [("/c", 2)]


def test_what_is_left_open_is_told() -> None:
    """Each public rule that decides some of the paths is told, with methods, size and a shortest request."""
    guards = compare(
        ["/a/:x*"], rule("/a/b"), rule("/a/:x*", "page", methods='["GET"]'), rule("/:x*", methods='["PUT"]')
    )
    assert not guards.is_guarded
    assert [(gap.rule.line if gap.rule else 0, gap.methods, gap.size, gap.path.text) for gap in guards.open] == [
        (11 + 1, ("PUT",), None, "/a"),
        (3, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), 2, "/a/b"),
    ]


def test_what_is_guarded_only_here_is_told() -> None:
    """Rules that guard what the matcher leaves out are no fault."""
    guards = compare(["/a"], rule("/a", "page"), rule("/b/:x", "protected"))
    assert guards.is_guarded
    assert [(gap.path.text, gap.size) for gap in guards.further] == [("/b/a", None)]


def test_what_cannot_be_decided_is_not_taken_for_guarded() -> None:
    """Conditions that depend on one another are no proof."""
    rules = [rule("/a", "page", has=has("header", "cookie")), rule("/a", "page", has=has("cookie", "c"))]
    guards = compare(["/a"], *rules)
    assert (guards.open, guards.is_guarded) == ([], False)


def test_a_spelling_may_leave_open_what_no_path_does() -> None:
    """A public rule that decides no canonical path that is guarded, but takes a spelling read as one, is told."""
    loose = rule("/:x(.*)", paths='"encoded"')
    guards = compare(["/a/:x*"], rule("/a", "page"), rule("/a/:x([^%;]*)", "page"), loose)
    assert not guards.open
    assert [each.partition(",")[0] for each in guards.doubts] == ["what line 11 takes in other spellings"]
    assert compare(["/a/:x*"], rule("/a/:x*", "page"), loose).is_guarded


def test_a_matcher_that_is_invalid_is_said() -> None:
    """A matcher that Next.js would refuse too is a fault of the file, at its line."""
    with pytest.raises(NextjsUnreadable, match="line 7: '/a\\*': Unexpected MODIFIER"):
        compare_guards(read(rule("/a")), [NextMatcher("/a*", 7)])


def test_the_tutorials_matcher_and_the_policy_that_ships_agree() -> None:
    """The policy guards all that the tutorial's middleware does."""
    policy = load_policy(DEFAULT_RULES, ADDRESSES)
    guards = compare_guards(policy, [NextMatcher("/userposts/:path*", 1)])
    assert guards.is_guarded
    assert not guards.unrouted
