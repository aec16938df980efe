"""The decision: the table of access and caller, and nothing beside it."""

import dataclasses
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.request_heads import read_line
from gateway.policy.canonical_paths import PathRefused, canonicalize_path
from gateway.policy.choice import RequestFacts
from gateway.policy.decision import AnswerOptions, Decision, Forward, RedirectToSignIn, Refuse, decide, wants_renewal
from gateway.policy.file import load_policy, parse_policy
from gateway.policy.rules import NEVER_ROUTED, SIGN_IN_PATH, Policy
from gateway.settings import DEFAULT_RULES
from shared.errors import Unauthorized
from shared.tokens.authentication import Anonymous, Caller, Reason, User
from shared.tokens.signed import Claims

SETTINGS = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
ADA = User(Claims(1, "Ada", "ada@example.com", "sid", "jti", 1, 3601), "the.access.token")
NOBODY = Anonymous(Reason.MISSING)


@pytest.fixture(scope="module")
def policy() -> Policy:
    """Return the policy that ships."""
    return load_policy(DEFAULT_RULES, SETTINGS)


def facts(method: str, target: str, **headers: str) -> RequestFacts:
    """Return a request; underscores in header names stand for hyphens."""
    path, _, query = target.partition("?")
    raw = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return RequestFacts(method, canonicalize_path(quote(path, safe="/!$&'()*+,=:@").encode()), query.encode(), raw)


def in_short(decision: Decision) -> str:
    """Return a decision in one word: where it goes, or the status."""
    match decision:
        case Forward(rule):
            return f"{rule.upstream}{'+token' if decision.token else ''}"
        case RedirectToSignIn():
            return "302"
        case AnswerOptions(allow):
            return f"204 {allow}"
        case Refuse(error):
            return str(error.status)


@pytest.mark.parametrize(
    ("method", "target", "anonymous", "signed_in"),
    [
        ("GET", "/", "posts", "posts+token"),
        ("HEAD", "/", "posts", "posts+token"),
        ("POST", "/", "405", "405"),
        ("GET", "/posts/1", "posts", "posts+token"),
        ("GET", "/posts/1/", "posts", "posts+token"),
        ("GET", "/posts/1/x", "404", "404"),
        ("GET", "/api/posts", "posts", "posts+token"),
        ("GET", "/api/posts/1", "posts", "posts+token"),
        ("POST", "/api/posts", "401", "posts+token"),
        ("PATCH", "/api/posts/1", "401", "posts+token"),
        ("DELETE", "/api/posts/1", "401", "posts+token"),
        ("PUT", "/api/posts/1", "405", "405"),
        ("GET", "/api/user/2", "401", "posts+token"),
        ("HEAD", "/api/user/2", "401", "posts+token"),
        ("POST", "/api/user/2", "405", "405"),
        ("GET", "/userposts", "302", "posts+token"),
        ("GET", "/userposts/", "302", "posts+token"),
        ("HEAD", "/userposts/1/2", "302", "posts+token"),
        ("POST", "/userposts/new", "401", "posts+token"),
        ("GET", "/userpostsx", "404", "404"),
        ("GET", "/Userposts", "404", "404"),
        ("GET", "/account", "302", "auth+token"),
        ("POST", "/account/password", "401", "auth+token"),
        ("GET", "/accounts", "404", "404"),
        ("GET", "/signup", "auth", "auth+token"),
        ("GET", "/api/auth/session", "auth", "auth+token"),
        ("POST", "/api/auth/callback/credentials", "auth", "auth+token"),
        ("POST", "/api/user", "auth", "auth+token"),
        ("POST", "/api/login", "auth", "auth+token"),
        ("GET", "/api/login", "405", "405"),
        ("POST", "/api/token", "auth", "auth+token"),
        ("GET", "/api/token", "405", "405"),
        ("GET", "/forgot", "auth", "auth+token"),
        ("POST", "/forgot/code", "auth", "auth+token"),
        ("DELETE", "/forgot", "405", "405"),
        ("GET", "/forgot/nothing", "404", "404"),
        ("POST", "/api/password-reset", "auth", "auth+token"),
        ("POST", "/api/password-reset/confirm", "auth", "auth+token"),
        ("GET", "/api/password-reset/confirm", "405", "405"),
        ("DELETE", "/api/me", "401", "auth+token"),
        ("PUT", "/api/me", "405", "405"),
        ("GET", "/api/me", "401", "auth+token"),
        ("GET", "/api/me/sessions", "401", "auth+token"),
        ("POST", "/api/me/password", "401", "auth+token"),
        ("DELETE", "/api/me/sessions/1", "401", "auth+token"),
        ("GET", "/api/me/sessions/1", "405", "405"),
        ("GET", "/api/me/nothing", "404", "404"),
        ("POST", "/api/me/email", "401", "401"),  # signed in when, the token does not say
        ("POST", "/api/me/email/confirm", "401", "auth+token"),
        ("POST", "/api/me/email/verification", "401", "auth+token"),
        ("POST", "/api/me/email/verification/confirm", "401", "auth+token"),
        ("GET", "/api/me/identities", "401", "auth+token"),
        ("DELETE", "/api/me/identities", "405", "405"),
        ("DELETE", "/api/me/identities/google", "401", "auth+token"),
        ("GET", "/account/email", "302", "auth+token"),
        ("GET", "/signup/code", "auth", "auth+token"),
        ("POST", "/api/user/confirm", "auth", "auth+token"),
        ("POST", "/api/logout", "401", "auth+token"),
        ("GET", "/api/revocations", "auth", "auth"),
        ("POST", "/api/revocations", "405", "405"),
        ("GET", "/_gatepost/assets/gatepost.css", "gateway", "gateway"),
        ("GET", "/docs", "gateway", "gateway"),
        ("GET", "/openapi.json", "gateway", "gateway"),
        ("GET", "/internal/users", "404", "404"),
        ("OPTIONS", "/internal/users", "404", "404"),
        ("GET", "/metrics", "404", "404"),
        ("GET", "/livez", "404", "404"),
        ("GET", "/nowhere", "404", "404"),
        ("OPTIONS", "/nowhere", "404", "404"),
        ("OPTIONS", "/api/posts", "204 GET, HEAD, OPTIONS, POST", "204 GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/api/posts/1", "204 DELETE, GET, HEAD, OPTIONS, PATCH", "204 DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("PROPFIND", "/userposts", "405", "405"),
    ],
)
def test_the_policy_that_ships(policy: Policy, method: str, target: str, anonymous: str, signed_in: str) -> None:
    """Each route of the stack demands of its callers what the policy says, and goes where it says."""
    assert in_short(decide(policy, facts(method, target), NOBODY)) == anonymous
    assert in_short(decide(policy, facts(method, target), ADA)) == signed_in


def test_an_anonymous_browser_is_sent_to_sign_in_and_back(policy: Policy) -> None:
    """The location is relative, and callbackUrl is the whole canonical path with its query."""
    decision = decide(policy, facts("GET", "/userposts/안 녕?a=1&b=%2F&callbackUrl=/x", host="evil.example"), NOBODY)
    assert isinstance(decision, RedirectToSignIn)
    location = urlsplit(decision.location)
    assert (location.scheme, location.netloc, location.path) == ("", "", "/api/auth/signin")
    assert parse_qs(location.query) == {"callbackUrl": ["/userposts/%EC%95%88%20%EB%85%95?a=1&b=%2F&callbackUrl=/x"]}


@pytest.mark.parametrize("length", [0, 4000, 8150, 8192])
def test_a_redirect_leads_to_an_address_that_is_taken(length: int) -> None:
    """However long a query is, and whatever the sign-in page is asked, the redirect's own has all of it and passes."""
    request = facts("GET", "/a?" + "q" * length)._replace(now=NOW)
    for caller in (NOBODY, signed_in(authenticated_at=0)):
        decision = decide(asking("max_auth_age = 60", "page"), request, caller)
        assert isinstance(decision, RedirectToSignIn)
        query = urlsplit(decision.location).query
        assert read_line("GET", SIGN_IN_PATH.encode(), query.encode()).refusal is None
        assert parse_qs(query)["callbackUrl"] == ["/a" + ("?" + "q" * length if length else "")]


@pytest.mark.parametrize(("mode", "expected"), [("navigate", "302"), ("cors", "401"), ("no-cors", "401"), ("", "401")])
def test_what_is_no_navigation_is_not_redirected(policy: Policy, mode: str, expected: str) -> None:
    """A script that fetches a page gets 401: a sign-in page is no answer to it (Fetch Metadata)."""
    assert in_short(decide(policy, facts("GET", "/userposts", sec_fetch_mode=mode), NOBODY)) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "302"),
        ({"accept": "*/*"}, "302"),
        ({"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}, "302"),
        ({"accept": "application/json;q=0.9, Text/HTML;q=0.8"}, "302"),
        ({"accept": "application/json"}, "401"),
        ({"accept": "application/json, text/plain"}, "401"),
        ({"accept": "text/event-stream"}, "401"),
        ({"accept": "*/*", "x_requested_with": "XMLHttpRequest"}, "401"),
        ({"accept": "text/html", "x_requested_with": "xmlhttprequest"}, "401"),
        ({"accept": "text/html", "x_requested_with": "com.example.app"}, "302"),
        ({"accept": "application/json", "x_requested_with": "XMLHttpRequest", "sec_fetch_mode": "navigate"}, "302"),
        ({"accept": "text/html", "sec_fetch_mode": "cors"}, "401"),
        ({"connection": "Upgrade", "upgrade": "websocket"}, "401"),
        ({"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c"}, "302"),
    ],
)
def test_a_script_of_an_older_browser_is_not_redirected(policy: Policy, headers: dict[str, str], expected: str) -> None:
    """Without Fetch Metadata, which plain http to another machine has none of, other headers tell a script."""
    assert in_short(decide(policy, facts("GET", "/userposts", **headers), NOBODY)) == expected


@pytest.mark.parametrize(
    ("reason", "challenge"),
    [
        (Reason.MISSING, 'Bearer realm="gatepost"'),
        (Reason.OTHER_SITE, 'Bearer realm="gatepost"'),
        (
            Reason.EXPIRED,
            'Bearer realm="gatepost", error="invalid_token", error_description="The access token expired"',
        ),
    ],
)
def test_a_401_says_why(policy: Policy, reason: Reason, challenge: str) -> None:
    """The body of a 401 is always the same; the challenge names what was wrong with a token that was sent."""
    decision = decide(policy, facts("GET", "/api/user/1"), Anonymous(reason))
    assert isinstance(decision, Refuse)
    assert decision.error.message == "No Authorization"
    assert decision.error.headers == {"WWW-Authenticate": challenge}
    assert decision.rule is not None


def test_a_405_says_what_is_allowed(policy: Policy) -> None:
    """The methods of all rules for the path are named."""
    decision = decide(policy, facts("PUT", "/api/posts"), NOBODY)
    assert isinstance(decision, Refuse)
    assert decision.error.headers == {"Allow": "GET, HEAD, OPTIONS, POST"}


def one_rule(words: str) -> Policy:
    """Return a policy of one rule for /a."""
    head = '[upstreams]\nposts = { address = "http://posts", authorization = "token" }\n'
    return parse_policy(f'{head}[[rule]]\nmatcher = "/a"\nupstream = "posts"\n{words}\n', {})


def asking(word: str, access: str = "protected") -> Policy:
    """Return a policy whose one rule asks more of its callers."""
    return one_rule(f'access = "{access}"\n{word}')


NOW = 1_800_000_000


def signed_in(roles: tuple[str, ...] = (), authenticated_at: int | None = None) -> User:
    """Return a user with these roles who signed in then."""
    return User(dataclasses.replace(ADA.claims, roles=roles, authenticated_at=authenticated_at), ADA.token)


@pytest.mark.parametrize(
    ("roles", "expected"), [(("admin",), "posts+token"), (("reader", "admin"), "posts+token"), ((), "403")]
)
def test_a_role_is_asked_for(roles: tuple[str, ...], expected: str) -> None:
    """A rule with a role lets in callers who have it, refuses others with 403, and anonymous callers with 401."""
    policy = asking('role = "admin"')
    assert in_short(decide(policy, facts("GET", "/a"), signed_in(roles))) == expected
    assert in_short(decide(policy, facts("GET", "/a"), NOBODY)) == "401"


@given(st.lists(st.text(max_size=8).filter(lambda role: role != "admin")), st.sampled_from(["protected", "page"]))
def test_without_the_role_nobody_passes(roles: list[str], access: str) -> None:
    """No other roles, however many and however similar, replace the one that is asked for."""
    policy = asking('role = "admin"', access)
    assert in_short(decide(policy, facts("GET", "/a"), signed_in((*roles, "Admin", "admin ")))) == "403"


@pytest.mark.parametrize(
    ("authenticated_at", "is_recent"),
    [(NOW, True), (NOW - 60, True), (NOW - 61, False), (NOW + 30, True), (NOW + 31, False), (None, False), (0, False)],
)
def test_a_recent_sign_in_is_asked_for(authenticated_at: int | None, *, is_recent: bool) -> None:
    """A caller who signed in too long ago, in the future, or at an unknown time, is asked to sign in again."""
    caller = signed_in(authenticated_at=authenticated_at)
    request = facts("GET", "/a")._replace(now=NOW)
    api, page = (decide(asking("max_auth_age = 60", access), request, caller) for access in ("protected", "page"))
    if is_recent:
        assert in_short(api) == in_short(page) == "posts+token"
        return
    assert isinstance(api, Refuse)
    assert isinstance(api.error, Unauthorized)
    assert api.error.message == "No Authorization"
    assert 'error="insufficient_user_authentication"' in api.error.headers["WWW-Authenticate"]
    assert 'max_age="60"' in api.error.headers["WWW-Authenticate"]
    assert isinstance(page, RedirectToSignIn)
    assert page.location == "/api/auth/signin?callbackUrl=%2Fa&prompt=login"


def test_an_anonymous_caller_is_not_asked_twice() -> None:
    """An anonymous caller of a page that asks for a recent sign-in gets the usual sign-in page."""
    page = decide(asking("max_auth_age = 60", "page"), facts("GET", "/a")._replace(now=NOW), NOBODY)
    assert isinstance(page, RedirectToSignIn)
    assert page.location == "/api/auth/signin?callbackUrl=%2Fa"


def test_a_role_comes_before_a_recent_sign_in() -> None:
    """A caller without the role is refused, and not sent to sign in again for nothing."""
    policy = asking('role = "admin"\nmax_auth_age = 60', "page")
    assert in_short(decide(policy, facts("GET", "/a"), signed_in())) == "403"


def test_a_rule_that_names_options_gets_them() -> None:
    """OPTIONS is forwarded only where a rule says so."""
    policy = one_rule('access = "public"\nmethods = ["OPTIONS"]')
    assert in_short(decide(policy, facts("OPTIONS", "/a"), NOBODY)) == "posts"
    assert in_short(decide(policy, facts("GET", "/a"), NOBODY)) == "405"


@pytest.mark.parametrize(
    ("condition", "target", "headers", "holds"),
    [
        ('{ type = "header", key = "X-Beta" }', "/a", {"x_beta": "on"}, True),
        ('{ type = "header", key = "X-Beta" }', "/a", {"x_beta": ""}, False),
        ('{ type = "header", key = "x-beta", value = ".*" }', "/a", {"x_beta": ""}, False),
        ('{ type = "cookie", key = "c" }', "/a", {"cookie": "c="}, False),
        ('{ type = "cookie", key = "c", value = ".*" }', "/a", {"cookie": "c="}, False),
        ('{ type = "cookie", key = "c", value = "1" }', "/a", {"cookie": "c=1; c=2"}, True),
        ('{ type = "query", key = "q" }', "/a?q=", {}, False),
        ('{ type = "query", key = "q", value = ".*" }', "/a?q=", {}, False),
        ('{ type = "query", key = "q" }', "/a?q=&q=", {}, True),
        ('{ type = "query", key = "q", value = "1" }', "/a?q=1&q=2", {}, False),
        ('{ type = "query", key = "q", value = "2" }', "/a?q=1&q=2", {}, True),
        ('{ type = "query", key = "q", value = ".*" }', "/a?q=1&q=", {}, True),
        ('{ type = "header", key = "x-beta" }', "/a", {}, False),
        ('{ type = "header", key = "x-beta", value = "on|yes" }', "/a", {"x_beta": "yes"}, True),
        ('{ type = "header", key = "x-beta", value = "on|yes" }', "/a", {"x_beta": "yess"}, False),
        ('{ type = "cookie", key = "c", value = "1" }', "/a", {"cookie": "b=2; c=1"}, True),
        ('{ type = "cookie", key = "c" }', "/a", {"cookie": "cc=1"}, False),
        ('{ type = "query", key = "q", value = "a b" }', "/a?p=1&q=a%20b", {}, True),
        ('{ type = "query", key = "q" }', "/a?q", {}, False),
        ('{ type = "query", key = "q" }', "/a?q=0", {}, True),
        ('{ type = "query", key = "q" }', "/a?qq=1", {}, False),
        ('{ type = "host", value = ".*\\\\.example\\\\.com" }', "/a", {"host": "A.example.com:3000"}, True),
        ('{ type = "host", value = "example.com" }', "/a", {"host": "b.example.com"}, False),
        ('{ type = "host", value = "\\\\[::1\\\\]" }', "/a", {"host": "[::1]:3000"}, True),
        ('{ type = "host", value = "\\\\[::1\\\\]" }', "/a", {"host": "[::1]"}, True),
        ('{ type = "host", value = "\\\\[::1\\\\]" }', "/a", {"host": "[::2]:3000"}, False),
    ],
)
def test_conditions_look_at_headers_cookies_query_and_host(
    condition: str,
    target: str,
    headers: dict[str, str],
    holds: bool,  # noqa: FBT001 - a table's column
) -> None:
    """``has`` asks for a value that matches as a whole, ``missing`` for its absence; the rule steps aside otherwise."""
    for word, expected in (("has", holds), ("missing", not holds)):
        policy = one_rule(f'access = "public"\n{word} = [{condition}]')
        assert in_short(decide(policy, facts("GET", target, **headers), NOBODY)) == ("posts" if expected else "404")


@pytest.mark.parametrize(
    ("name", "pattern", "holds"),
    [("x-beta", "on", False), ("x-beta", "on, on", True), ("x-beta", ".*on", True), ("cookie", "on; on", True)],
)
def test_header_fields_of_one_name_are_one_value(name: str, pattern: str, holds: bool) -> None:  # noqa: FBT001
    """A header that comes twice counts as one value, joined as Node.js joins it for Next.js."""
    policy = one_rule(f'access = "public"\nhas = [{{ type = "header", key = "{name}", value = "{pattern}" }}]')
    request = facts("GET", "/a")._replace(headers=((name.encode(), b"on"), (name.encode(), b"on")))
    assert in_short(decide(policy, request, NOBODY)) == ("posts" if holds else "404")


PIECES = [
    "userposts",
    "userpost",
    "api",
    "user",
    "me",
    "account",
    "1",
    "internal",
    "metrics",
    "안",
    "a b",
    "",
    ".",
    "/",
]


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"]),
    pieces=st.lists(st.sampled_from(PIECES), max_size=5),
    query=st.binary(max_size=10),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"sec-fetch-mode", b"host", b"cookie", b"x-forwarded-user", b"authorization"]),
            st.binary(max_size=12),
        ),
        max_size=3,
    ),
    caller=st.sampled_from([ADA, *(Anonymous(reason) for reason in Reason)]),
)
def test_the_laws_hold_for_any_request(
    policy: Policy, method: str, pieces: list[str], query: bytes, headers: list[tuple[bytes, bytes]], caller: Caller
) -> None:
    """No request of an anonymous caller passes a protected rule, none reaches a reserved path, and nothing raises."""
    try:
        path = canonicalize_path(quote("/" + "/".join(pieces)).encode())
    except PathRefused:
        return
    decision = decide(policy, RequestFacts(method, path, query, tuple(headers)), caller)
    if isinstance(decision, Forward):
        assert any(matcher.matches(path.text) for matcher in decision.rule.matchers)
        assert method in decision.rule.methods
        is_told = decision.rule.access != "public" or decision.rule.tells_caller
        assert decision.user == (caller if isinstance(caller, User) and is_told else None)
        assert decision.user or decision.rule.access == "public"
        assert not path.text.startswith(tuple(source.partition("/:")[0] for source in NEVER_ROUTED))
    if path.text.startswith("/userposts/") and isinstance(caller, Anonymous):
        assert not isinstance(decision, Forward)


OURS = "http://localhost:3000"
FORM = {"content_type": "application/x-www-form-urlencoded; charset=utf-8"}


def send_form(target: str, *, is_ours: bool = True, method: str = "POST", **headers: str) -> RequestFacts:
    """Return a form that a browser sends."""
    origin = OURS if is_ours else "http://elsewhere"
    return facts(method, target, **({"origin": origin} | FORM | headers))._replace(public_origin=OURS)


@pytest.mark.parametrize("target", ["/userposts/new", "/userposts/7", "/account"])
def test_a_form_of_ours_passes_after_the_session(policy: Policy, target: str) -> None:
    """A form that is sent after its session has ended reaches the service, without credentials, to be shown again."""
    decision = decide(policy, send_form(target), NOBODY)
    assert isinstance(decision, Forward)
    assert (decision.user, decision.token, decision.is_private) == (None, None, True)
    assert in_short(decide(policy, send_form(target, sec_fetch_mode="navigate"), NOBODY)) == decision.rule.upstream


@pytest.mark.parametrize(
    "request_facts",
    [
        send_form("/userposts/new", is_ours=False),
        send_form("/userposts/new", method="PUT"),
        send_form("/userposts/new", method="DELETE"),
        send_form("/userposts/new", sec_fetch_mode="cors"),
        send_form("/userposts/new", content_type="application/json"),
        send_form("/userposts/new", content_type="text/plain"),
        send_form("/userposts/new", content_type=""),
        send_form("/api/posts"),
        send_form("/api/me/password"),
    ],
)
def test_nothing_else_passes_without_a_session(policy: Policy, request_facts: RequestFacts) -> None:
    """Another site's form, another method or type, a script's request, and every API stay 401."""
    assert in_short(decide(policy, request_facts, NOBODY)) == "401"


def test_forms_pass_only_where_the_rule_says_so() -> None:
    """A page of a service that was not written for it never gets an anonymous request."""
    head = '[upstreams]\nposts = { address = "http://posts", authorization = "token" }\n'
    rule = '[[rule]]\nmatcher = ["/x"]\naccess = "page"\nupstream = "posts"\n'
    assert in_short(decide(parse_policy(head + rule, {}), send_form("/x"), NOBODY)) == "401"
    opened = parse_policy(head + rule + "anonymous_forms = true\n", {})
    assert in_short(decide(opened, send_form("/x"), NOBODY)) == "posts"
    assert in_short(decide(opened, send_form("/x"), ADA)) == "posts+token"


def test_a_decision_says_what_decided(policy: Policy) -> None:
    """Whatever a rule decides, the decision names the matcher that matched, and where the request goes."""
    decisions = [
        decide(policy, facts("GET", "/posts/1"), NOBODY),
        decide(policy, facts("GET", "/userposts/1"), NOBODY),
        decide(policy, facts("GET", "/api/user/1"), NOBODY),
    ]
    assert [not isinstance(each, AnswerOptions) and each.matcher and each.matcher.source for each in decisions] == [
        "/posts/:id",
        "/userposts/:path*",
        "/api/user/:id",
    ]
    assert isinstance(decisions[0], Forward)
    assert decisions[0].upstream is policy.find_upstream("posts")
    own = decide(policy, facts("GET", "/docs"), NOBODY)
    assert isinstance(own, Forward)
    assert own.upstream is None


KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec_websocket_version": "13",
    "sec_websocket_key": KEY,
}


def upgrading(version: str = "1.1", /, **headers: str) -> RequestFacts:
    """Return a request for an upgrade."""
    return facts("GET", "/a", **headers)._replace(http_version=version)


def judge_upgrade(rule: str, request: RequestFacts, upstream: str = "posts") -> int | bytes | None:
    """Return the key with which a request passes a public rule, or the status with which it is refused."""
    policy = parse_policy(
        '[upstreams]\nposts = "http://p"\n[[rule]]\nmatcher = "/a"\naccess = "public"\n'
        f'upstream = "{upstream}"\n{rule}',
        {},
    )
    decision = decide(policy, request, NOBODY)
    assert isinstance(decision, Forward | Refuse)
    return decision.error.status if isinstance(decision, Refuse) else decision.websocket_key


OPEN = "websocket = true"


@pytest.mark.parametrize(
    ("rule", "request_facts", "expected"),
    [
        (OPEN, upgrading(**HANDSHAKE), KEY.encode()),
        (OPEN, upgrading(upgrade="websocket"), 400),
        (OPEN, upgrading("1.0", **HANDSHAKE), 400),
        (OPEN, upgrading(**HANDSHAKE | {"sec_websocket_version": "8"}), 426),
        (OPEN, upgrading(**HANDSHAKE | {"upgrade": "websocket, h2c"}), 400),
        (OPEN, upgrading(), None),
        (OPEN, upgrading(upgrade="h2c"), None),
        ("", upgrading(**HANDSHAKE), 403),
        ("", upgrading(upgrade="h2c, WebSocket"), 403),
        ("", upgrading(upgrade="h2c", connection="Upgrade, HTTP2-Settings"), None),
    ],
)
def test_an_upgrade_is_part_of_the_decision(rule: str, request_facts: RequestFacts, expected: int | bytes) -> None:
    """A WebSocket passes by a rule that opens one, with its key. Another Upgrade is ignored: the request is plain."""
    assert judge_upgrade(rule, request_facts) == expected


@pytest.mark.parametrize("upstream", ["posts", "gateway"])
@pytest.mark.parametrize(
    ("rule", "upgrade", "expected"),
    [
        (OPEN, "websocket", None),
        (OPEN, "WebSocket", None),
        (OPEN, "h2c", 403),
        (OPEN, "websocket, h2c", 403),
        (OPEN, "", 403),
        ("", "websocket", 403),
        ("", "h2c", 403),
    ],
)
def test_another_proxy_is_let_open_nothing_but_websockets(
    rule: str, upgrade: str, expected: int | None, upstream: str
) -> None:
    """A proxy that asks by forward auth sends the upgrade on: through h2c further requests would pass unseen."""
    request = upgrading(upgrade=upgrade)._replace(is_forward_auth=True)
    assert judge_upgrade(rule, request, upstream) == expected


@pytest.mark.parametrize(("length", "expected"), [(None, "posts"), (0, "posts"), (10, "posts"), (11, "413")])
def test_an_announced_body_is_part_of_the_decision(length: int | None, expected: str) -> None:
    """A body announced to be longer than the rule allows is refused, but only to callers who may pass at all."""
    request = facts("POST", "/a")._replace(content_length=length)
    assert in_short(decide(one_rule('access = "public"\nmax_body = 10'), request, NOBODY)) == expected
    assert in_short(decide(one_rule('access = "protected"\nmax_body = 10'), request, NOBODY)) == "401"


def test_who_may_pass_is_asked_before_the_upgrade() -> None:
    """An anonymous caller of a protected path learns nothing of what its rule opens."""
    assert in_short(decide(one_rule('access = "protected"'), upgrading(**HANDSHAKE), NOBODY)) == "401"


@pytest.mark.parametrize(
    ("method", "target", "wants"),
    [
        ("GET", "/api/auth/session", False),  # public, and the upstream gets the cookies
        ("GET", "/signup", False),
        ("GET", "/account", True),
        ("GET", "/userposts", True),
        ("GET", "/api/user/1", True),
        ("GET", "/posts/1", True),
        ("GET", "/docs", False),
        ("GET", "/nowhere", False),
        ("DELETE", "/posts/1", False),
        ("OPTIONS", "/posts/1", False),
    ],
)
def test_where_a_renewal_could_help(policy: Policy, method: str, target: str, *, wants: bool) -> None:
    """A session is renewed where that lets its user further, and not by us where the upstream does it."""
    for caller in (NOBODY, ADA):
        assert wants_renewal(policy, decide(policy, facts(method, target), caller)) is wants


def test_a_renewal_cannot_help_what_everybody_is_refused() -> None:
    """A body that is too long stays so; a role may have been given since the token was signed."""
    policy = one_rule('access = "public"\nmax_body = 10')
    too_long = facts("POST", "/a")._replace(content_length=11)
    assert not wants_renewal(policy, decide(policy, too_long, ADA))
    policy = asking('role = "admin"')
    assert wants_renewal(policy, decide(policy, facts("GET", "/a"), ADA))


def test_a_renewal_helps_what_another_proxy_serves() -> None:
    """By forward auth the upstream is the gateway, and its protected paths are like any other."""
    policy = parse_policy('[upstreams]\n[[rule]]\nmatcher = "/a"\naccess = "page"\nupstream = "gateway"\n', {})
    assert wants_renewal(policy, decide(policy, facts("GET", "/a"), NOBODY))


SENT = ((b"authorization", b"Bearer gatepost_abc"), (b"cookie", b"a=b"), (b"authorization", b"Basic eA=="))


@pytest.mark.parametrize("caller", [ADA, *map(Anonymous, Reason)])
def test_a_service_with_credentials_of_its_own_gets_them_as_they_came(policy: Policy, caller: Caller) -> None:
    """Where the header is its own, nobody is named to the service, whatever was sent: it reads that itself."""
    decision = decide(policy, facts("GET", "/api/revocations")._replace(headers=SENT[:2]), caller)
    assert isinstance(decision, Forward)
    assert (decision.user, decision.token, decision.is_private) == (None, None, True)
    assert decision.list_own_credentials(SENT[:2]) == [SENT[0]]


@pytest.mark.parametrize("caller", [ADA, NOBODY])
def test_several_credentials_are_refused(policy: Policy, caller: Caller) -> None:
    """Where the header is the service's own, nothing passes that two readers could read in two ways."""
    decision = decide(policy, facts("GET", "/api/revocations")._replace(headers=SENT), caller)
    assert in_short(decision) == "400"
    assert not wants_renewal(policy, decision)


@pytest.mark.parametrize(
    ("word", "anonymous", "signed_in"),
    [
        ("", (None, False), (None, False)),
        ('authorization = "none"', (None, False), (None, False)),
        ('authorization = "token"', (None, False), (ADA.token, True)),
        ('authorization = "own"', (None, True), (None, True)),
        ('identity = ["Remote-User"]', (None, False), (None, True)),
    ],
)
def test_whose_authorization_a_public_rule_sends_on(
    word: str, anonymous: tuple[str | None, bool], signed_in: tuple[str | None, bool]
) -> None:
    """An upstream gets an access token only if it asks for it; else who is signed in does not matter to the answer."""
    head = '[upstreams]\nposts = "http://posts"\n'
    policy = parse_policy(f'{head}[[rule]]\nmatcher = "/a"\naccess = "public"\nupstream = "posts"\n{word}\n', {})
    for caller, expected in ((NOBODY, anonymous), (ADA, signed_in)):
        decision = decide(policy, facts("GET", "/a"), caller)
        assert isinstance(decision, Forward)
        assert (decision.token, decision.is_private) == expected
        assert wants_renewal(policy, decision) is word.endswith(('"token"', '["Remote-User"]'))


@pytest.mark.parametrize("access", ["protected", "page"])
@pytest.mark.parametrize("word", ["token", "own", "none"])
def test_a_guarded_rule_asks_for_a_caller_whatever_it_sends_on(access: str, word: str) -> None:
    """The word says what goes along, and nothing of who may pass."""
    policy = asking(f'authorization = "{word}"', access)
    assert in_short(decide(policy, facts("GET", "/a"), NOBODY)) == ("302" if access == "page" else "401")
    decision = decide(policy, facts("GET", "/a")._replace(headers=SENT[:2]), ADA)
    assert isinstance(decision, Forward)
    assert (decision.user, decision.is_private) == (ADA, True)
    assert decision.token == (ADA.token if word == "token" else None)
    assert decision.list_own_credentials(SENT[:2]) == ([SENT[0]] if word == "own" else [])


def test_credentials_of_others_stop_everywhere_else(policy: Policy) -> None:
    """Where the header is not the service's own, no Authorization header of a client passes."""
    for target in ("/", "/api/auth/session", "/signup"):
        decision = decide(policy, facts("GET", target)._replace(headers=SENT), NOBODY)
        assert isinstance(decision, Forward)
        assert decision.list_own_credentials(SENT) == []


SEVERAL = parse_policy(
    """
    [upstreams]
    app = { address = "http://app", authorization = "token" }
    wiki = { address = "http://wiki", authorization = "token" }
    [[rule]]
    matcher = ["/:path*"]
    hosts = ["app.example.com", "[::1]"]
    methods = ["GET"]
    access = "page"
    upstream = "app"
    [[rule]]
    matcher = ["/:path*"]
    hosts = "wiki.example.com"
    access = "public"
    upstream = "wiki"
    [[rule]]
    matcher = ["/everywhere"]
    methods = ["POST"]
    access = "protected"
    upstream = "wiki"
    """,
    {},
)


@pytest.mark.parametrize(
    ("method", "target", "host", "expected"),
    [
        ("GET", "/a", "app.example.com", "app+token"),
        ("GET", "/a", "app.example.com:8443", "app+token"),
        ("GET", "/a", "[::1]:3000", "app+token"),
        ("POST", "/a", "app.example.com", "405"),
        ("POST", "/a", "wiki.example.com", "wiki+token"),
        ("GET", "/a", "id.example.com", "404"),
        ("GET", "/a", "evil.app.example.com", "404"),
        ("OPTIONS", "/a", "app.example.com", "204 GET, HEAD, OPTIONS"),
        ("OPTIONS", "/everywhere", "app.example.com", "204 GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/everywhere", "id.example.com", "204 OPTIONS, POST"),
        ("POST", "/everywhere", "id.example.com", "wiki+token"),
    ],
)
def test_a_rule_is_about_its_hosts(method: str, target: str, host: str, expected: str) -> None:
    """A host is known by its name, whatever the port; rules for others neither decide nor count for ``Allow``."""
    assert in_short(decide(SEVERAL, facts(method, target, host=host), ADA)) == expected


def test_from_another_site_the_way_leads_to_the_public_one_and_back() -> None:
    """The way to the sign-in page is absolute, and so is the page to come back to, query and all."""
    request = facts("GET", "/a?q=C:\\&r=%2F", host="app.example.com")
    request = request._replace(public_origin="https://id.example.com", site="https://app.example.com")
    decision = decide(SEVERAL, request, NOBODY)
    assert isinstance(decision, RedirectToSignIn)
    location = urlsplit(decision.location)
    assert (location.scheme, location.netloc, location.path) == ("https", "id.example.com", SIGN_IN_PATH)
    assert parse_qs(location.query) == {"callbackUrl": ["https://app.example.com/a?q=C:\\&r=%2F"]}
