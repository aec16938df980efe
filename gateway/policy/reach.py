"""Which of our pages the rules reach, so that no page links to one that is not there. Pure.

A page of ours is there where the rule that decides ``GET`` of its path leads to who has it: the account's pages are the
auth service's, which gets the session cookies; the API's description is the gateway's own. Posts are there where a
matcher names ``/userposts``; one for everything (``/:path*``) does not say so, as anybody may stand behind it. A
link of an operator's own is there where any rule decides its path. Each host is looked at by itself, as a page links to
its own host; conditions of rules are not looked at.

What is missing is told to who has pages (``shared.web.lacking``): nothing, where nothing is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway.messages.raw_headers import encode_lines
from gateway.policy.canonical_paths import PathRefused, canonicalize_path
from gateway.policy.rules import OWN_UPSTREAM, Access, Authorization, Candidate, Policy
from shared.web.branding import ASSETS_PATH
from shared.web.lacking import LACKS, OurPage, write_lacking

STYLE = f"{ASSETS_PATH}/gatepost.css"
"""What our pages load; rules from before it was there do not reach it."""

_OF_ACCOUNTS = {OurPage.ACCOUNT: "/account", OurPage.SIGN_UP: "/signup", OurPage.FORGOT: "/forgot"}
_POSTS, _DOCS = "/userposts", "/docs"


def tell_lacking(policy: Policy, links: Iterable[str] = ()) -> Policy:
    """Return the policy, whose upstreams with pages are told what it lacks; ``links`` are an operator's own."""
    links = tuple(links)
    lacks = {host: frozenset(_list_lacking(policy, host, links)) for host in policy.list_hosts()}
    if not any(lacks.values()):
        return policy
    told = {
        host: encode_lines([(LACKS, write_lacking(each).encode())]) if each else b"" for host, each in lacks.items()
    }
    with_posts = {posts.rule.upstream for host in lacks if (posts := _find_posts(policy, host)) is not None}
    upstreams = (
        replace(each, told=told) if each.session_cookies or each.name in with_posts else each
        for each in policy.upstreams
    )
    return Policy(rules=policy.rules, upstreams=tuple(upstreams), never_routed=policy.never_routed, lacks=lacks)


def lacks_style(policy: Policy) -> bool:
    """Tell whether people sign in here on pages whose stylesheet no rule reaches, whatever the host."""
    has_pages = any(upstream.session_cookies for upstream in policy.upstreams)
    return has_pages and all(_find(policy, host, STYLE) is None for host in policy.list_hosts())


def list_without_token(policy: Policy) -> list[str]:
    """Return the upstreams with pages of ours that get no token of a caller, and so take everybody for anonymous."""
    ours = {each.name for each in policy.upstreams if each.session_cookies}
    ours |= {posts.rule.upstream for host in policy.list_hosts() if (posts := _find_posts(policy, host)) is not None}
    asked = (rule for rule in policy.rules if rule.access is not Access.PUBLIC)
    found = {rule.upstream for rule in asked if rule.authorization is Authorization.NONE}
    return sorted(ours & found - {OWN_UPSTREAM})


def _list_lacking(policy: Policy, host: str | None, links: Iterable[str]) -> Iterator[str]:
    home, posts, docs = _find(policy, host, "/"), _find_posts(policy, host), _find(policy, host, _DOCS)
    if home is None:
        yield OurPage.HOME
    if posts is None:
        yield OurPage.POSTS
    if posts is None or home is None or home.upstream is not posts.upstream:
        yield OurPage.FEED
    if docs is None or docs.upstream is not None or not docs.matcher.prefix.startswith(_DOCS):
        yield OurPage.DOCS
    for page, path in _OF_ACCOUNTS.items():
        found = _find(policy, host, path)
        if found is None or found.upstream is None or not found.upstream.session_cookies:
            yield page
    for link in links:
        if link.startswith("/") and _find(policy, host, link.partition("?")[0]) is None:
            yield link


def _find_posts(policy: Policy, host: str | None) -> Candidate | None:
    found = _find(policy, host, _POSTS)
    return found if found is not None and found.matcher.prefix.startswith(_POSTS) else None


def _find(policy: Policy, host: str | None, path: str) -> Candidate | None:
    """Return the rule that decides ``GET`` of a path at a host, or None."""
    try:
        text = canonicalize_path(path.partition("#")[0].encode()).text
    except PathRefused:
        return None
    candidates = policy.list_candidates(text)
    return next((each for each in candidates if "GET" in each.rule.methods and each.rule.is_about(host)), None)
