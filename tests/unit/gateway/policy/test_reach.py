"""Which of our pages the rules reach: what is missing is told to the services that have pages."""

import pytest

from gateway.policy.file import load_policy, parse_policy
from gateway.policy.reach import tell_lacking
from gateway.policy.rules import Policy
from gateway.settings import DEFAULT_RULES
from tests.support.running_stack import ROOT

SETTINGS = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
HEAD = """
[upstreams]
auth = { address = "http://auth:8001", session_cookies = true }
application = "http://application:80"
"""


def write_rule(upstream: str, *matchers: str, methods: str = "GET") -> str:
    """Return the text of a public rule."""
    paths = ", ".join(f'"{each}"' for each in matchers)
    return f'[[rule]]\nmatcher = [{paths}]\nmethods = ["{methods}"]\naccess = "public"\nupstream = "{upstream}"\n'


SIGN_IN = write_rule("auth", "/api/auth/:path*", "/signup", "/forgot", "/account/:path*")


def read(*rules: str) -> Policy:
    """Return the policy of these rules, told what it lacks."""
    return tell_lacking(parse_policy(HEAD + "".join(rules), SETTINGS, "p.toml"))


def test_the_policy_of_the_project_lacks_nothing() -> None:
    """With our own rules all pages are there, and no request carries a word of it."""
    policy = tell_lacking(load_policy(DEFAULT_RULES, SETTINGS))
    assert policy.lacks == frozenset()
    assert [upstream.told for upstream in policy.upstreams] == [b"", b""]


def test_what_is_lacking_is_told_to_who_has_pages() -> None:
    """The service that signs people in is told what no rule reaches; a service of somebody else is not."""
    policy = read(SIGN_IN, write_rule("application", "/:path*"))
    assert policy.lacks == {"posts", "feed", "docs"}
    assert {each.name: each.told for each in policy.upstreams} == {
        "auth": b"gatepost-lacks: docs feed posts\r\n",
        "application": b"",
    }


def test_a_rule_for_everything_brings_no_page_of_ours() -> None:
    """Behind ``/:path*`` may be anybody's: a home, but neither posts, nor an account, nor ``/docs``."""
    assert read(write_rule("application", "/:path*")).lacks == {"posts", "feed", "docs", "account", "sign-up", "forgot"}
    assert "docs" in read(write_rule("application", "/docs")).lacks
    assert "account" in read(write_rule("application", "/account")).lacks


def test_posts_are_where_a_matcher_names_them() -> None:
    """Who has ``/userposts`` has posts, and ``/`` is their feed only if the same service has it, which is then told."""
    there = read(write_rule("application", "/userposts/:path*", "/"))
    assert not {"posts", "feed"} & there.lacks
    assert {each.name for each in there.upstreams if each.told} == {"auth", "application"}
    apart = read(write_rule("auth", "/"), write_rule("application", "/userposts/:path*"))
    assert {"posts", "feed"} & apart.lacks == {"feed"}


@pytest.mark.parametrize(
    ("rules", "is_home"),
    [
        ((SIGN_IN,), False),
        ((SIGN_IN, write_rule("application", "/")), True),
        ((SIGN_IN, write_rule("application", "/", methods="POST")), False),
    ],
)
def test_a_home_is_whatever_a_browser_gets_at_the_root(rules: tuple[str, ...], is_home: bool) -> None:  # noqa: FBT001
    """Any rule that decides ``GET /`` makes it a page to go on from."""
    assert ("home" not in read(*rules).lacks) is is_home


def test_links_of_an_operator_are_there_where_a_rule_decides_them() -> None:
    """A link on this site that no rule reaches is left out; one to another site is not for us to judge."""
    policy = parse_policy(HEAD + write_rule("application", "/reports/:path*"), SETTINGS, "p.toml")
    links = ["/reports?by=day", "/reports/1", "/news?a=b", "/news/%2e%2e", "https://example.com/x"]
    assert {each for each in tell_lacking(policy, links).lacks if "/" in each} == {"/news?a=b", "/news/%2e%2e"}


def test_the_sample_for_forward_auth_lacks_what_the_proxy_has_not() -> None:
    """Ahead of an application of one's own nothing speaks of posts, or links to an account that nothing routes."""
    policy = tell_lacking(load_policy(ROOT / "docs/forward-auth/rules.toml", SETTINGS))
    assert {"posts", "feed", "docs", "account", "home"} <= policy.lacks
