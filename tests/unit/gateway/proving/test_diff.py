"""What a change of the policy changes: all of it, nothing else, and each with a request that shows it."""

from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.policy.choice import RequestFacts, choose_for_spelling
from gateway.policy.decision import answer_without_rule, apply_rule
from gateway.policy.file import load_policy, parse_policy
from gateway.policy.rules import Policy, Rule
from gateway.policy.spellings import Spelling, read_spelling
from gateway.proving.cases import NOBODY
from gateway.proving.diff import Diff, compare_policies
from gateway.proving.outcomes import Outcome, describe_pair
from gateway.proving.rulings import Ruling, read_ruling
from gateway.settings import DEFAULT_RULES
from tests.support.generated_policies import CHANGES, PolicyMaker
from tests.support.policies import has, read, rule
from tests.support.policy_changes import check_changes, count_differing

ADDRESSES = {"AUTH_SERVICE_URL": "http://auth:8001", "POSTS_SERVICE_URL": "http://posts:8002"}
TEXT = DEFAULT_RULES.read_text()


def in_short(outcome: Outcome) -> str:
    """Return an outcome without what tells reasons apart."""
    return str(outcome.status or outcome.where)


def list_changes(diff: Diff, how: str = "") -> list[str]:
    """Return all changes for requests of one kind, plain ones by default, in a line each."""
    return [
        f"{difference.path.text} {' '.join(change.methods)}: "
        f"{change.sender} {in_short(change.old)} {in_short(change.new)}"
        for difference in diff.differences
        for change in difference.changes
        if change.how == how
    ]


@given(st.integers(0, 2**32))
def test_what_is_reported_differs_and_what_differs_is_reported(seed: int) -> None:
    """Of two policies every example differs as it is said to, and no request differs that was not reported."""
    maker = PolicyMaker(seed)
    old = maker.make_policy()
    new = maker.change(old) if seed % 2 else maker.make_policy()
    diff = compare_policies(old, new)
    check_changes(diff, old, new)
    count_differing(diff, old, new, maker.make_requests((old, new), 40))
    assert not diff.undecided or old.takes_spellings or new.takes_spellings


@given(st.integers(0, 2**32))
@example(4020)  # a rule that decides nothing takes spellings
def test_where_nothing_is_reported_no_spelling_differs(seed: int) -> None:
    """Of two policies between which no difference and no doubt is told, none is in how a path may be spelled."""
    maker = PolicyMaker(seed)
    old = maker.make_policy()
    new = maker.make_change(("paths", "split", "swap")[seed % 3], old)
    diff = compare_policies(old, new)
    for request, raw in maker.make_spelled((old, new), 40):
        spelling = read_spelling(raw)
        if spelling is not None:
            found = [find_effect(policy, request, spelling) for policy in (old, new)]
            assert found[0] == found[1] or not diff.is_empty, raw


def find_effect(policy: Policy, request: RequestFacts, spelling: Spelling) -> Ruling | None:
    """Return what a policy does with a request in a spelling; None where that does not pass."""
    found = choose_for_spelling(policy, request, spelling)
    if found is None:
        return None
    spelled, candidate = found
    return read_ruling(
        policy, answer_without_rule(policy, spelled) if candidate is None else apply_rule(candidate, spelled, NOBODY)
    )


SEEDS = 16  # or more, until a change was seen in some request


@pytest.mark.parametrize("kind", CHANGES)
def test_mutations_are_caught(kind: str) -> None:
    """A change after which any request differs is reported, whatever was changed; some such changes are found here."""
    caught = 0
    for seed in range(64):
        if caught and seed >= SEEDS:
            break
        maker = PolicyMaker(seed)
        old = maker.make_policy()
        new = maker.make_change(kind, old)
        diff = compare_policies(old, new)
        check_changes(diff, old, new)
        caught += bool(count_differing(diff, old, new, maker.make_requests((old, new), 60)))
    assert caught


@given(st.integers(0, 2**32))
def test_a_policy_does_not_differ_from_itself(seed: int) -> None:
    """Between a policy and the same one nothing changes, and that is proven."""
    assert compare_policies(PolicyMaker(seed).make_policy(), PolicyMaker(seed).make_policy()).is_empty


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([rule("/a"), rule("/b")], [rule("/b"), rule("/a")]),
        ([rule("/a/:x*")], [rule("/a{/:x}*")]),
        ([rule("/a"), rule("/b")], [rule("/(a|b)")]),
        ([rule("/a/b"), rule("/a/:x")], [rule("/a/:x")]),
        ([rule("/a", methods='["GET"]')], [rule("/a", methods='["GET", "HEAD"]')]),
        ([rule("/a"), rule("/internal2")], [rule("/(a|internal2)")]),
        ([rule("/a", has=has("header", "x", "on|yes"))], [rule("/a", has=has("header", "x", "yes|on"))]),
        ([rule("/a", has=has("header", "x")), rule("/a")], [rule("/a")]),
        ([rule("/:x([^/]+)")], [rule("/:x")]),
    ],
)
def test_nothing_changes(old: list[str], new: list[str]) -> None:
    """Two ways to write one policy are proven to be one."""
    assert compare_policies(read(*old), read(*new)).is_empty


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (
            [rule("/a", "protected")],
            [rule("/a")],
            ["/a GET HEAD POST PUT PATCH DELETE: anonymous 401 posts"],
        ),
        (
            [rule("/a", "protected", role='"admin"')],
            [rule("/a", "protected")],
            ["/a GET HEAD POST PUT PATCH DELETE: signed in without the role admin 403 posts"],
        ),
        (
            [rule("/a", "protected", max_auth_age="60")],
            [rule("/a", "protected", max_auth_age="90")],
            [
                "/a GET HEAD POST PUT PATCH DELETE: signed in 61 to 90 s ago 401 posts",
                "/a GET HEAD POST PUT PATCH DELETE: signed in more than 90 s ago 401 401",
            ],
        ),
        (
            [rule("/a"), rule("/b")],
            [rule("/a")],
            [
                "/b GET HEAD POST PUT PATCH DELETE: anonymous posts 404",
                "/b GET HEAD POST PUT PATCH DELETE: signed in posts 404",
                "/b OPTIONS: anyone 204 404",
            ],
        ),
        (
            [rule("/a", methods='["GET"]')],
            [rule("/a", methods='["GET", "PUT"]')],
            [
                "/a POST PATCH DELETE: anyone 405 405",
                "/a PUT: anonymous 405 posts",
                "/a PUT: signed in 405 posts",
                "/a OPTIONS: anyone 204 204",
            ],
        ),
        (
            [rule("/a")],
            [rule("/a", authorization='"own"')],
            [
                "/a GET HEAD POST PUT PATCH DELETE: anonymous posts posts",
                "/a GET HEAD POST PUT PATCH DELETE: signed in by the session cookie posts posts",
                "/a GET HEAD POST PUT PATCH DELETE: signed in by a token in the header posts posts",
            ],
        ),
    ],
)
def test_what_changes(old: list[str], new: list[str], changes: list[str]) -> None:
    """Each kind of caller and each method that comes to another outcome is told, and no other."""
    before, after = read(*old), read(*new)
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    assert list_changes(diff) == changes


INLINE = "rule = [{{ {}, matcher = '/a' }}, {{ {}, matcher = '/b' }}]\n[upstreams]\nposts = 'http://posts'\n"


def test_rules_on_one_line_are_told_apart() -> None:
    """A line of the file names no rule: several may begin on it."""
    public, page, protected = (f"access = '{access}', upstream = 'posts'" for access in ("public", "page", "protected"))
    old, new = (parse_policy(INLINE.format(*both), {}) for both in ((page, protected), (public, page)))
    diff = compare_policies(old, new)
    check_changes(diff, old, new)
    assert sorted(difference.path.text for difference in diff.differences) == ["/a", "/b"]
    assert "/b GET HEAD: anonymous 401 302" in list_changes(diff, "navigating")


def test_whose_authorization_it_is_is_a_change() -> None:
    """Who was known by a token in the header is told, and no longer is; and what else the upstream gets instead."""
    before, after = read(rule("/a", "protected")), read(rule("/a", "protected", authorization='"own"'))
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    by_cookie, by_header = "signed in by the session cookie", "signed in by a token in the header"
    plain = {change.sender: change for change in diff.differences[0].changes if not change.how}
    assert (in_short(plain[by_header].old), in_short(plain[by_header].new)) == ("posts", "401")
    how = "with several Authorization headers"
    assert how in {change.how for change in diff.differences[0].changes}
    sent = {change.sender: change.new.further for change in diff.differences[0].changes if change.new.passes}
    assert sent == {by_cookie: ("with its Authorization header as it came",)}


def test_who_is_named_is_a_change() -> None:
    """By which headers, and what they say, is told of the rule; whose header no longer passes, of all."""
    before, after = (
        read(rule("/a", "protected", **words), rule("/b"))
        for words in ({"identity": '["Remote-User"]'}, {"identity": '{ X-Employee = "id" }'})
    )
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    assert [difference.path.text for difference in diff.differences] == ["/a"]
    plain = next(change for change in diff.differences[0].changes if not change.how)
    assert (plain.sender, plain.old.further, plain.new.further) == (
        "signed in",
        ("naming the caller in Remote-User (id)",),
        ("naming the caller in X-Employee (id)",),
    )
    assert diff.remarks == ("a client's own X-Employee no longer passes, to no upstream",)
    assert compare_policies(after, before).remarks == ("a client's own X-Employee passes to any upstream again",)


def test_which_spellings_pass_is_a_change() -> None:
    """A change of the word is one of the rule, with the paths that it decides."""
    before, after = read(rule("/a/:x"), rule("/b")), read(rule("/a/:x", paths='"encoded"'), rule("/b"))
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    assert [difference.path.text for difference in diff.differences] == ["/a/a"]
    assert {change.new.further for change in diff.differences[0].changes if change.new.passes} == {
        ("in encoded spellings too",)
    }
    assert diff.undecided == ()


def test_a_difference_that_only_spellings_show_is_not_overlooked() -> None:
    """Where no canonical path tells two policies apart, but what one may be read as does, that is said."""
    loose = rule("/:x*", paths='"encoded"')
    plain = read(rule("/a/:x([^%]*)", "page"), loose)
    diff = compare_policies(plain, read(rule("/a/:x(.*)", "page"), loose))
    assert diff.differences == ()
    assert len(diff.undecided) == 1
    assert diff.undecided[0].startswith("/a/%")
    assert compare_policies(plain, plain).is_empty


def test_one_rule_for_two_is_not_overlooked() -> None:
    """A rule that is split in two does the same with every path, but not with a spelling that both would decide."""
    whole, words = read(rule("/a/:x*", paths='"raw"')), {"paths": '"raw"'}
    parts = read(rule("/a/b", **words), rule("/a/:x*", **words))
    for diff in (compare_policies(whole, parts), compare_policies(parts, whole)):
        assert diff.differences == ()
        assert ["stands for lines" in each for each in diff.undecided] == [True]


def test_a_method_of_its_own_is_compared() -> None:
    """What a rule names beyond the usual methods is opened by it, and refused everywhere else as by none."""
    before, after = read(rule("/a"), rule("/b")), read(rule("/a", methods='["GET", "PROPFIND"]'), rule("/b"))
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    assert "/a PROPFIND: anonymous 405 posts" in list_changes(diff)
    assert {difference.path.text for difference in diff.differences} == {"/a"}


def test_a_prefix_that_is_taken_off_is_a_change() -> None:
    """What arrives without it is told of the rule; what is never routed behind it, of its paths."""
    before, after = read(rule("/app/:x*")), read(rule("/app/:x*", strip='"/app"'))
    diff = compare_policies(before, after)
    check_changes(diff, before, after)
    found = {difference.path.text: difference.changes[0].new for difference in diff.differences}
    assert found["/app"].further == ("without /app",)
    assert {path: new.status for path, new in found.items()} == {"/app": None, "/app/internal": 404}
    assert diff.undecided == ()


def test_sizes_and_shortest_requests() -> None:
    """A finite set of paths has its size, another none; the example's path is a shortest one."""
    diff = compare_policies(read(rule("/a/:x([ab]{1,2})"), rule("/c/:x*")), read(rule("/d")))
    found = {difference.path.text: difference.count for difference in diff.differences}
    assert found == {"/d": 2, "/c": None, "/a/a": 12}


def test_only_what_conditions_choose_changes() -> None:
    """Where a change is for some requests only, it is said for which, and the example is one of them."""
    old = read(rule("/a", has=has("header", "x-beta", "on|yes"), upstream='"gateway"'), rule("/a"))
    diff = compare_policies(old, read(rule("/a")))
    assert {difference.when for difference in diff.differences} == {"with header x-beta = on|yes"}
    for difference in diff.differences:
        for change in difference.changes:
            assert (b"x-beta", b"on") in change.example.request.headers


def test_an_upstream_defined_otherwise_is_a_change() -> None:
    """The same rules with another address behind a name send requests elsewhere."""
    head = '[upstreams]\nposts = { address = "http://posts:8002", authorization = "token", answer_within = 9 }\n'
    diff = compare_policies(read(rule("/a")), read(rule("/a"), head=head))
    assert [difference.path.text for difference in diff.differences] == ["/a"]
    assert compare_policies(read(rule("/a"), head=head), read(rule("/a"), head=head)).is_empty


def test_what_cannot_be_tried_is_undecided() -> None:
    """Conditions that depend on one another leave combinations that nobody can send: they are no proof either way."""
    old = read(rule("/a", has=has("header", "cookie")), rule("/a", has=has("cookie", "c")))
    diff = compare_policies(old, read(rule("/a", has=has("header", "cookie"))))
    assert not diff.is_empty
    assert diff.undecided == (
        "/a: conditions on cookie c, header cookie depend on one another, so not all combinations could be tried",
    )


def test_a_condition_on_what_the_gateway_reads_is_no_guess() -> None:
    """Where no example can be made, since a situation contradicts the condition, that is said."""
    old = read(rule("/a", "page", has=has("header", "sec-fetch-mode", "cors")))
    diff = compare_policies(old, read(rule("/a", "protected", has=has("header", "sec-fetch-mode", "cors"))))
    check_changes(diff, old, read(rule("/a", "protected", has=has("header", "sec-fetch-mode", "cors"))))
    assert any("conditions look at what the gateway reads itself" in each for each in diff.undecided)


BY_COOKIE = "signed in by the session cookie"
SEVERAL = "with several Authorization headers"


def test_credentials_that_a_service_gets_are_a_change() -> None:
    """Switching ``authorization = "own"`` on or off is told of every caller, and that it refuses two credentials."""
    without, own = read(rule("/a")), read(rule("/a", authorization='"own"'))
    for old, new, refusal in ((without, own, "posts 400"), (own, without, "400 posts")):
        diff = compare_policies(old, new)
        check_changes(diff, old, new)
        assert list_changes(diff, SEVERAL) == [
            f"/a GET HEAD POST PUT PATCH DELETE: {who} {refusal}" for who in ("anonymous", BY_COOKIE)
        ]
    assert compare_policies(own, own).is_empty


CHANGED_WORDS: dict[str, tuple[str, str]] = {
    # Of each word of a rule, a rule with it and one without, or with another.
    "matchers": (rule("/a"), rule("/b")),
    "access": (rule("/a"), rule("/a", "page")),
    "upstream": (rule("/a"), rule("/a", upstream='"gateway"')),
    "methods": (rule("/a"), rule("/a", methods='["GET"]')),
    "has": (rule("/a"), rule("/a", has=has("cookie", "c"))),
    "missing": (rule("/a"), rule("/a", missing=has("cookie", "c"))),
    "max_body": (rule("/a"), rule("/a", max_body="9")),
    "websocket": (rule("/a"), rule("/a", websocket="true")),
    "role": (rule("/a", "page"), rule("/a", "page", role='"admin"')),
    "max_auth_age": (rule("/a", "page"), rule("/a", "page", max_auth_age="9")),
    "anonymous_forms": (rule("/a", "page"), rule("/a", "page", anonymous_forms="true")),
    "authorization": (rule("/a"), rule("/a", authorization='"own"')),
    "identity": (rule("/a"), rule("/a", identity='["Remote-User"]')),
    "paths": (rule("/a"), rule("/a", paths='"encoded"')),
    "strip": (rule("/a/b"), rule("/a/b", strip='"/a"')),
    "cookies": (rule("/a"), rule("/a", cookies='"session"')),
    "hosts": (rule("/a"), rule("/a", hosts='"a.example"')),
    "cors": (rule("/a"), rule("/a", cors='"https://app.example"')),
}


@pytest.mark.parametrize("word", [field.name for field in fields(Rule) if field.compare and field.name != "line"])
def test_every_word_of_a_rule_counts(word: str) -> None:
    """Whatever a rule says, a change of it is told; so is a change of any word that rules learn later."""
    one, other = map(read, CHANGED_WORDS[word])
    for old, new in ((one, other), (other, one)):
        diff = compare_policies(old, new)
        assert check_changes(diff, old, new)
        assert not diff.undecided


EDITS: list[tuple[str, Callable[[str], str]]] = [
    ("/userposts", lambda text: text.replace('["/userposts/:path*"]', '["/userposts/:path+"]')),
    ("/api/user/a/a", lambda text: text.replace('"/api/user/:id"', '"/api/user/:id+"')),
    ("/posts/a", lambda text: text.replace('"/posts/:id", ', "")),
    ("/api/me/email", lambda text: text.replace("max_auth_age = 300\n", "")),
    ("/account", lambda text: text.replace("anonymous_forms = true\nmax_body = 16384", "max_body = 16384")),
    ("/forgot", lambda text: text.replace("max_body = 8192", "max_body = 8193")),
    ("/api/revocations", lambda text: text.replace('\nauthorization = "own" ', "\n#")),
    ("/docs", lambda text: text.replace('"/docs"', '"/doc"')),
]


@pytest.mark.parametrize(("path", "edit"), EDITS)
def test_edits_of_the_policy_that_ships(path: str, edit: Callable[[str], str]) -> None:
    """Whatever somebody changes in ``rules.toml`` is told, with a shortest path."""
    old, new = load_policy(DEFAULT_RULES, ADDRESSES), parse_policy(edit(TEXT), ADDRESSES)
    diff = compare_policies(old, new)
    check_changes(diff, old, new)
    assert path in {difference.path.text for difference in diff.differences}
    assert len({difference.path.text for difference in diff.differences}) <= 2


def test_a_change_at_one_host_is_told_of_that_host() -> None:
    """Hosts are a dimension: what changes at one of them is found, and said of that one alone."""
    here, there = {"hosts": '"a.example"'}, {"hosts": '["a.example", "b.example"]'}
    old = read(rule("/a", "page", **there), rule("/:x*", "page"))
    new = read(rule("/a", "public", **here), rule("/a", "page", **there), rule("/:x*", "page"))
    diff = compare_policies(old, new)
    assert [(each.path.text, each.when) for each in diff.differences] == [("/a", "with host = a.example")]
    assert "/a GET HEAD: anonymous 302 posts" in list_changes(diff, "navigating")
    assert not diff.undecided


def test_nothing_is_said_of_hosts_that_no_rule_is_about() -> None:
    """Where all rules for a path name their hosts, all others get 404 from either policy."""
    old, new = (read(rule("/a", hosts=f'"{host}.example"')) for host in "ab")
    diff = compare_policies(old, new)
    assert {each.when for each in diff.differences} == {"with host = a.example", "with host = b.example"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (None, '"*"', "read by everybody, who may send"),
        ('"https://app.example"', None, "read by no other origin"),
        (
            '"https://a.example"',
            '{ origins = "https://a.example", credentials = true }',
            "may use the caller's cookies",
        ),
    ],
)
def test_who_may_read_is_a_part_of_the_outcome(old: str | None, new: str | None, said: str) -> None:
    """A change of who may read the answers, or use the caller's cookies, is a change of every request of the rule."""
    before, after = (read(rule("/a", "protected", **({"cors": cors} if cors else {}))) for cors in (old, new))
    diff = compare_policies(before, after)
    assert {method for each in diff.differences for change in each.changes for method in change.methods} >= {
        "GET",
        "PUT",
    }
    assert all(said in describe_pair(change.old, change.new)[1] for each in diff.differences for change in each.changes)
