"""Promises about a policy: each holds for every request, or a shortest request breaks it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.decision import decide
from gateway.policy.file import load_policy, parse_policy
from gateway.policy.rules import Access, PolicyInvalid
from gateway.proving.promises import Status, check_promises, describe, load_promises, parse_promises, prove
from gateway.proving.rulings import find_rule
from gateway.settings import DEFAULT_RULES
from tests.support.generated_policies import MATCHERS, PolicyMaker
from tests.support.policies import has, read, rule

OWN = DEFAULT_RULES.with_name("promises.toml")
ADDRESSES = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
ADMIN = {"role": '"admin"'}


def answer(promise: str, *rules: str) -> str:
    """Return what is proven of one promise."""
    policy = read(*rules)
    (proof,) = prove(policy, parse_promises(promise, policy))
    return describe(proof)


@pytest.mark.parametrize(
    ("promise", "rules"),
    [
        ('never_public = ["/a/:x*"]', [rule("/a/:x*", "page"), rule("/:x*")]),
        ('never_public = "/a"', [rule("/a", "protected", methods='["GET"]'), rule("/b")]),
        ('only_role = { admin = ["/a/:x*"] }', [rule("/a/:x*", "page", **ADMIN), rule("/:x*", "page")]),
        ('same_as_nextjs = ["/a/:x*"]', [rule("/a/:x*", "page", anonymous_forms="true")]),
        ('same_as_nextjs = ["/a"]', [rule("/a", "page", methods='["GET"]'), rule("/a", "protected")]),
        ('goes_to = { posts = ["/a/:x*"] }', [rule("/a/b", "page"), rule("/:x*")]),
        ('goes_to = { gateway = ["/a"] }', [rule("/a", upstream='"gateway"')]),
        ('not_routed = ["/internal/:x*"]', [rule("/:x*")]),
        ('not_routed = ["/b"]', [rule("/a")]),
    ],
)
def test_a_promise_that_is_kept_holds(promise: str, rules: list[str]) -> None:
    """A promise that no request breaks holds."""
    assert answer(promise, *rules) == "holds"


@pytest.mark.parametrize(
    ("promise", "rules", "broken_by"),
    [
        (
            'never_public = ["/a/:x*"]',
            [rule("/a/:x", "page"), rule("/:x*")],
            "GET /a (anonymous): line 7: public to posts",
        ),
        ('never_public = ["/a"]', [rule("/a", "page", methods='["GET"]'), rule("/a")], "POST /a (anonymous): line 8"),
        ('never_public = ["/:x*"]', [rule("/a/b/c/안")], "GET /a/b/c/%EC%95%88 (anonymous): line 3"),
        (
            'never_public = ["/a"]',
            [rule("/a", has=has("header", "x-beta", "on"))],
            "GET /a (anonymous, X-Beta: on): line 3",
        ),
        ('never_public = ["/a"]', [rule("/a", has=has("query", "q", "\\\\d"))], "GET /a?q=0 (anonymous): line 3"),
        (
            'only_role = { admin = ["/a/:x*"] }',
            [rule("/a", "page", **ADMIN), rule("/a/:x", "page")],
            "GET /a/a (signed in): line 8: page to posts",
        ),
        ('only_role = { admin = ["/a"] }', [rule("/a")], "GET /a (anonymous): line 3"),
        (
            'only_role = { editor = ["/a"] }',
            [rule("/a", "page", **ADMIN)],
            "GET /a (signed in): line 3: page to posts, role admin",
        ),
        ('same_as_nextjs = ["/a"]', [rule("/a", "protected")], "GET /a (anonymous): line 3: protected"),
        (
            'same_as_nextjs = ["/a"]',
            [rule("/a", "page", max_auth_age="60")],
            "GET /a (signed in): line 3: page to posts, signed in within 60 s",
        ),
        (
            'same_as_nextjs = ["/a"]',
            [rule("/a", "page", methods='["GET"]'), rule("/a")],
            "POST /a (anonymous): line 8: public",
        ),
        ('same_as_nextjs = ["/a/:x*"]', [rule("/a/:x+", "page")], "GET /a (anonymous): no rule decides it"),
        (
            'goes_to = { posts = ["/a/:x*"] }',
            [rule("/a/b", upstream='"gateway"'), rule("/:x*")],
            "GET /a/b (anonymous): line 3",
        ),
        ('goes_to = { posts = ["/a/:x*"] }', [rule("/a")], "GET /a/a (anonymous): no rule decides it"),
        ('goes_to = { gateway = ["/a"] }', [rule("/a", "page")], "GET /a (signed in): line 3"),
        (
            'goes_to = { posts = ["/a"] }',
            [rule("/a", missing=has("cookie", "c"))],
            "GET /a (anonymous, Cookie: c=a): no rule",
        ),
        ('not_routed = ["/a/:x*"]', [rule("/:x/b", methods='["PUT"]')], "PUT /a/b (anonymous): line 3: public"),
    ],
)
def test_a_promise_that_is_not_kept_is_broken_by_a_shortest_request(
    promise: str, rules: list[str], broken_by: str
) -> None:
    """The answer to a broken promise is a request, with the path, method, headers and query that break it."""
    assert answer(promise, *rules).startswith(f"broken by {broken_by}")


STRICT, LOOSE = rule("/a/:x([^%;]*)", "page"), rule("/:x(.*)", paths='"encoded"')


@pytest.mark.parametrize(
    ("matcher", "rules", "says"),
    [
        ("/a/:x*", [rule("/a/:x*", "page"), LOOSE], "holds"),
        ("/a/:x*", [rule("/a", "page"), STRICT, rule("/:x(.*)")], "holds"),
        (
            "/a/:x*",
            [rule("/a", "page"), STRICT, LOOSE],
            "undecided: a spelling that may be read as /a/% could break it (line 11: public to posts)",
        ),
        ("/a/:x(b|%)", [rule("/a/b", "page"), LOOSE], "broken by GET /a/%25 (anonymous): line 7: public to posts"),
    ],
)
def test_a_promise_is_about_other_spellings_too(matcher: str, rules: list[str], says: str) -> None:
    """Where a rule takes them, what they may be read as keeps the promise, or a spelling that breaks it is told."""
    assert answer(f'never_public = ["{matcher}"]', *rules).startswith(says)


@given(st.integers(0, 2**32), st.sampled_from(MATCHERS))
def test_a_promise_holds_exactly_if_no_request_breaks_it(seed: int, matcher: str) -> None:
    """Where ``never_public`` holds, no request for its paths is decided by a public rule; else the one named is."""
    maker = PolicyMaker(seed)
    policy = maker.make_policy()
    written = matcher.replace("\\", "\\\\")
    (proof,) = prove(policy, parse_promises(f'never_public = ["{written}"]', policy))
    found = [
        decide(policy, request, caller)
        for request, caller in maker.make_requests((policy,), 60)
        if proof.promise.matcher.matches(request.path.text)
    ]
    are_public = [rule.access is Access.PUBLIC for decision in found if (rule := find_rule(decision))]
    if proof.example is not None:
        assert proof.rule is not None
        assert (proof.status, proof.rule.access) == (Status.BROKEN, Access.PUBLIC)
        assert proof.promise.matcher.matches(proof.example.request.path.text)
    else:
        assert proof.status is Status.HOLDS or "a spelling" in proof.remark
        assert not any(are_public)


def test_a_promise_about_what_no_rule_decides_says_so() -> None:
    """A promise may hold only since nothing is there yet: it holds, and that is said."""
    assert answer('only_role = { admin = ["/a"] }', rule("/b")) == "holds: no rule decides any of these paths"


def test_what_cannot_be_tried_is_undecided() -> None:
    """Where conditions depend on one another, and nothing that can be tried breaks it, a promise is undecided."""
    rules = [rule("/a", "page", has=has("header", "cookie")), rule("/a", "page", has=has("cookie", "c"))]
    assert answer('never_public = ["/a"]', *rules).startswith("undecided: /a: conditions on cookie c, header cookie")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: there is no promise in it"),
        ("never_public = []", "line 1: never_public: must be a text or a list of texts"),
        ('\nnever_publik = ["/a"]', "line 2: never_publik: unknown word"),
        ('never_public = ["a"]', "line 1: never_public: 'a': A matcher must start with / at 0"),
        ('goes_to = { post = ["/a"] }', "line 1: goes_to: unknown word 'post'; known are gateway, posts"),
        ('[only_role]\nadmin = ["/("]', "line 2: admin: '/(': Unbalanced pattern at 1"),
        ("never_public = [", "line 1: Invalid value"),
    ],
)
def test_a_bad_file_is_refused_at_its_line(text: str, reason: str) -> None:
    """A file with an unknown word or a bad matcher is refused, as is one without promises."""
    with pytest.raises(PolicyInvalid) as error:
        parse_promises(text, read(rule("/a")), "promises.toml")
    assert str(error.value).startswith(f"promises.toml, {reason}")


def test_a_promise_about_no_path_does_not_hold(tmp_path: Path) -> None:
    """A matcher that no path matches promises nothing, which nobody can have meant."""
    file = tmp_path / "promises.toml"
    file.write_text('not_routed = ["/b"]\n\nnever_public = ["/a//b"]\n')
    with pytest.raises(
        PolicyInvalid, match=r"line 3: never_public /a//b: undecided: the matcher matches no path at all"
    ):
        check_promises(read(rule("/a")), file)


def test_promises_that_would_blow_up_are_refused(tmp_path: Path) -> None:
    """Promises that can't be decided are not taken for kept."""
    file = tmp_path / "promises.toml"
    file.write_text('never_public = ["/(.*a.{9})", "/(.*b.{10})"]')
    with pytest.raises(PolicyInvalid, match="line 1: too complex to decide"):
        check_promises(read(rule("/a")), file)


def test_the_project_keeps_its_own_promises() -> None:
    """The policy that ships keeps the promises beside it, and each is about paths that a rule decides, or none may."""
    policy = load_policy(DEFAULT_RULES, ADDRESSES)
    check_promises(policy, OWN)
    for proof in prove(policy, load_promises(OWN, policy)):
        assert (proof.status, proof.remark) == (Status.HOLDS, "")


def test_the_tutorials_pages_opened_by_mistake_are_not_taken() -> None:
    """A policy that opens the pages of posts breaks a promise of the project, at the line of the promise."""
    text = DEFAULT_RULES.read_text().replace(
        'access   = "page"\nupstream = "posts"\nanonymous_forms = true', 'access   = "public"\nupstream = "posts"'
    )
    with pytest.raises(
        PolicyInvalid,
        match=r"never_public /userposts/:path\*: broken by GET /userposts \(anonymous\): line \d+: public",
    ):
        check_promises(parse_policy(text, ADDRESSES), OWN)


HERE = {"hosts": '"a.example"'}


@pytest.mark.parametrize(
    ("promise", "rules", "said"),
    [
        ('goes_to = { posts = ["/a"] }', [rule("/a", **HERE)], "holds"),
        ('goes_to = { posts = ["/a"] }', [rule("/a", **HERE), rule("/b")], "holds"),
        (
            'goes_to = { posts = ["/a"] }',
            [rule("/a", **HERE), rule("/:x", upstream='"gateway"')],
            "broken by GET /a (anonymous, Host: ",
        ),
        ('same_as_nextjs = ["/a"]', [rule("/a", "page", **HERE), rule("/b")], "holds"),
        (
            'same_as_nextjs = ["/a"]',
            [rule("/a", "page", **HERE), rule("/a", "protected")],
            "broken by GET /a (anonymous, Host: ",
        ),
        ('goes_to = { posts = ["/a"] }', [rule("/b", **HERE)], "broken by GET /a (anonymous): no rule decides it"),
        ('never_public = ["/a"]', [rule("/a", "page"), rule("/b", **HERE)], "holds"),
        (
            'never_public = ["/a"]',
            [rule("/a", **HERE), rule("/:x*", "page")],
            "broken by GET /a (anonymous, Host: a.example): ",
        ),
        ('never_public = ["/a"]', [rule("/a", "page", **HERE), rule("/a")], "broken by GET /a (anonymous, Host: "),
    ],
)
def test_a_promise_is_about_all_hosts(promise: str, rules: list[str], said: str) -> None:
    """What holds at one host alone does not hold; but where no rule for the path is about a host, it is not meant."""
    assert answer(promise, *rules).startswith(said)
