"""Which of our pages the rules reach: what is missing is told to the services that have pages."""

from collections.abc import Iterable

import pytest

from gateway.policy.file import load_policy, parse_policy
from gateway.policy.reach import list_without_token, tell_lacking
from gateway.policy.rules import Policy
from gateway.settings import DEFAULT_RULES
from shared.web.lacking import OurPage
from tests.support.running_stack import ROOT

SETTINGS = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
HEAD = """
[upstreams]
auth = { address = "http://auth:8001", session_cookies = true }
application = "http://application:80"
"""


def write_rule(upstream: str, *matchers: str, methods: str = "GET", hosts: str = "") -> str:
    """Return the text of a public rule."""
    paths = ", ".join(f'"{each}"' for each in matchers)
    where = f'hosts = "{hosts}"\n' if hosts else ""
    head = f'[[rule]]\nmatcher = [{paths}]\nmethods = ["{methods}"]\n{where}'
    return f'{head}access = "public"\nupstream = "{upstream}"\n'


SIGN_IN = write_rule("auth", "/api/auth/:path*", "/signup", "/forgot", "/account/:path*")


def read(*rules: str, links: Iterable[str] = ()) -> Policy:
    """Return the policy of these rules, told what it lacks."""
    return tell_lacking(parse_policy(HEAD + "".join(rules), SETTINGS, "p.toml"), links)


def list_lacking(policy: Policy, host: str | None = None) -> frozenset[str]:
    """Return what a policy lacks at a host; without one, at any that no rule names."""
    return policy.list_lacking(host)


def test_the_policy_of_the_project_lacks_nothing() -> None:
    """With our own rules all pages are there, and no request carries a word of it."""
    policy = tell_lacking(load_policy(DEFAULT_RULES, SETTINGS))
    assert policy.list_lacking("localhost") == frozenset()
    assert [upstream.told for upstream in policy.upstreams] == [{}, {}]


def test_what_is_lacking_is_told_to_who_has_pages() -> None:
    """The service that signs people in is told what no rule reaches; a service of somebody else is not."""
    policy = read(SIGN_IN, write_rule("application", "/:path*"))
    assert list_lacking(policy) == {"posts", "feed", "docs"}
    assert {each.name: each.told for each in policy.upstreams} == {
        "auth": {None: b"gatepost-lacks: docs feed posts\r\n"},
        "application": {},
    }


def test_each_host_lacks_what_no_rule_about_it_reaches() -> None:
    """A page links to what its own host has: the account of one host is nothing at another, nor is its home."""
    policy = read(
        write_rule("auth", "/api/auth/:path*"),
        write_rule("auth", "/account/:path*", "/signup", "/forgot", hosts="id.example"),
        write_rule("application", "/", "/reports", hosts="app.example"),
        links=["/reports"],
    )
    assert list_lacking(policy, "id.example") == {"posts", "feed", "docs", "home", "/reports"}
    assert list_lacking(policy, "app.example") == {"posts", "feed", "docs", "account", "sign-up", "forgot"}
    everything = {*OurPage, "/reports"}
    assert (list_lacking(policy), list_lacking(policy, "other.example")) == (everything, everything)
    told = {each.name: each.told for each in policy.upstreams}
    assert told["auth"]["id.example"] == b"gatepost-lacks: /reports docs feed home posts\r\n"
    assert not told["application"]


def test_a_rule_for_everything_brings_no_page_of_ours() -> None:
    """Behind ``/:path*`` may be anybody's: a home, but neither posts, nor an account, nor ``/docs``."""
    assert list_lacking(read(write_rule("application", "/:path*"))) == {
        "posts",
        "feed",
        "docs",
        "account",
        "sign-up",
        "forgot",
    }
    assert "docs" in list_lacking(read(write_rule("application", "/docs")))
    assert "account" in list_lacking(read(write_rule("application", "/account")))


def test_posts_are_where_a_matcher_names_them() -> None:
    """Who has ``/userposts`` has posts, and ``/`` is their feed only if the same service has it, which is then told."""
    there = read(write_rule("application", "/userposts/:path*", "/"))
    assert not {"posts", "feed"} & list_lacking(there)
    assert {each.name for each in there.upstreams if each.told} == {"auth", "application"}
    apart = read(write_rule("auth", "/"), write_rule("application", "/userposts/:path*"))
    assert {"posts", "feed"} & list_lacking(apart) == {"feed"}


def test_our_services_without_a_token_are_named() -> None:
    """A policy from before upstreams had to ask for it would sign everybody out of pages that ours protect."""
    text = DEFAULT_RULES.read_text()
    assert list_without_token(parse_policy(text, SETTINGS)) == []
    earlier = text.replace('authorization = "token", ', "")
    assert list_without_token(parse_policy(earlier, SETTINGS)) == ["auth", "posts"]
    halfway = earlier.replace("session_cookies = true", 'session_cookies = true, authorization = "token"')
    assert list_without_token(parse_policy(halfway, SETTINGS)) == ["posts"]
    others = write_rule("application", "/:path*").replace("public", "protected")
    assert list_without_token(parse_policy(HEAD + SIGN_IN + others, SETTINGS)) == []


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
    assert ("home" not in list_lacking(read(*rules))) is is_home


def test_links_of_an_operator_are_there_where_a_rule_decides_them() -> None:
    """A link on this site that no rule reaches is left out; one to another site is not for us to judge."""
    policy = parse_policy(HEAD + write_rule("application", "/reports/:path*"), SETTINGS, "p.toml")
    links = ["/reports?by=day", "/reports/1", "/news?a=b", "/news/%2e%2e", "https://example.com/x"]
    assert {each for each in list_lacking(tell_lacking(policy, links)) if "/" in each} == {"/news?a=b", "/news/%2e%2e"}


def test_the_sample_for_forward_auth_lacks_what_the_proxy_has_not() -> None:
    """Ahead of an application of one's own nothing speaks of posts, or links to an account that nothing routes."""
    policy = tell_lacking(load_policy(ROOT / "docs/forward-auth/rules.toml", SETTINGS))
    assert {"posts", "feed", "docs", "account", "home"} <= list_lacking(policy)
