"""What becomes of a request in words: all in which two outcomes differ, and nothing else of two decisions."""

import pytest

from gateway.policy.upstreams import Replica, Upstream
from gateway.proving.diff import Diff, compare_policies
from gateway.proving.outcomes import Outcome, describe, describe_pair
from tests.support.policies import read, rule

POSTS = Upstream("posts", (Replica("posts", 80),))
PASSING = Outcome(None, POSTS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (PASSING, Outcome(404, message="There is nothing here"), ("passes to posts", "404 There is nothing here")),
        (PASSING, Outcome(None), ("passes to posts", "passes to gateway")),
        (PASSING, PASSING._replace(has_token=True), ("passes to posts", "passes to posts, with the caller's token")),
        (
            PASSING,
            PASSING._replace(is_private=True),
            ("passes to posts, for everyone", "passes to posts, for this caller alone"),
        ),
        (PASSING, PASSING._replace(further=("with a",)), ("passes to posts", "passes to posts, with a")),
        (PASSING, PASSING._replace(is_websocket=True), ("passes to posts", "opens a WebSocket to posts")),
        (
            PASSING,
            Outcome(None, Upstream("posts", (Replica("a", 1), Replica("/run/b", None)))),
            ("passes to posts, posts:80", "passes to posts, a:1 or unix:/run/b"),
        ),
        (
            PASSING,
            Outcome(None, Upstream("posts", POSTS.replicas, 9)),
            ("passes to posts, within the usual time", "passes to posts, within 9 s"),
        ),
        (
            PASSING,
            Outcome(None, Upstream("posts", POSTS.replicas, session_cookies=True)),
            ("passes to posts, without NextAuth's cookies", "passes to posts, with NextAuth's cookies"),
        ),
        (
            PASSING,
            Outcome(None, Upstream("posts", POSTS.replicas, silence=3600, connections=8)),
            (
                "passes to posts, silence as usual, connections as usual",
                "passes to posts, silence = 3600, connections = 8",
            ),
        ),
        (
            Outcome(401, message="No", headers=(("WWW-Authenticate", "a"),)),
            Outcome(401, message="No", headers=(("WWW-Authenticate", "b"),)),
            ("401 No, WWW-Authenticate: a", "401 No, WWW-Authenticate: b"),
        ),
        (
            Outcome(204, headers=(("Allow", "GET"),)),
            Outcome(405, message="No", headers=(("Allow", "PUT"),)),
            ("204, Allow: GET", "405 No, Allow: PUT"),
        ),
    ],
)
def test_a_pair_in_words(old: Outcome, new: Outcome, words: tuple[str, str]) -> None:
    """Two outcomes that differ read differently, too."""
    assert describe_pair(old, new) == words
    assert describe_pair(new, old) == words[::-1]


def list_outcomes(diff: Diff) -> set[tuple[str, str]]:
    """Return the outcomes of all changes in words."""
    return {describe_pair(each.old, each.new) for difference in diff.differences for each in difference.changes}


def test_what_a_decision_is_seen_by() -> None:
    """A WebSocket that is opened, a sign-in that is asked for again: what the client sees is told."""
    opened = compare_policies(read(rule("/a")), read(rule("/a", websocket="true")))
    assert ("403 WebSockets are not opened here", "opens a WebSocket to posts") in list_outcomes(opened)
    recent = compare_policies(read(rule("/a", "page")), read(rule("/a", "page", max_auth_age="60")))
    assert ("passes to posts, with the caller's token", "302 to the sign-in page, to sign in again") in list_outcomes(
        recent
    )
    assert describe(PASSING) == "passes to posts"


def test_which_rule_decides_is_no_outcome() -> None:
    """Another rule with the same effect is no change."""
    assert compare_policies(read(rule("/b"), rule("/a")), read(rule("/a"), rule("/b"))).is_empty
