"""What must hold between rules: each decides something, and conditions never change the protection."""

import pytest

from gateway.policy.file import parse_policy
from gateway.policy.remarks import list_remarks
from gateway.policy.rules import Paths, PolicyInvalid
from tests.support.policies import HEAD, has, read, read_fault, rule

GET, POST = {"methods": '["GET"]'}, {"methods": '["POST"]'}
BETA = {"has": has("header", "x-beta")}


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a/:path*"), rule("/a/b")],
        [rule("/:path*"), rule("/")],
        [rule("/a/:x"), rule("/a/:y")],
        [rule("/a"), rule("/b"), rule("/(a|b)")],
        [rule(r"/:id(\\d.*)"), rule(r"/:id(\\D.*)"), rule("/:name")],
        [rule("/a"), rule("/a/")],
        [rule("/a"), rule("/a", **GET)],
        [rule("/a", **GET), rule("/a", **POST), rule("/a", methods='["POST", "GET"]')],
        [rule("/a"), rule("/a", **BETA)],
        [rule("/a", **BETA), rule("/a", **BETA)],
        [rule("/b"), rule("/internal/users")],
        [rule("/b"), rule("/metrics")],
    ],
)
def test_a_rule_that_cannot_be_reached_is_refused(rules: list[str]) -> None:
    """A matcher all of whose paths and methods earlier rules decide is a mistake in the order: no start."""
    last = read_fault(*rules)
    assert last.startswith(
        f"p.toml, line {3 + 4 * (len(rules) - 1) + sum('methods' in r or 'has' in r for r in rules[:-1])}:"
    )
    assert "is never reached" in last


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a/b"), rule("/a/:path*")],
        [rule("/a"), rule("/a/:path*")],
        [rule("/a/:path+"), rule("/a/:path*")],
        [rule("/a", **GET), rule("/a")],
        [rule("/a", **BETA), rule("/a")],
        [rule("/a", **BETA), rule("/a", has=has("header", "x-beta", "on"))],
        [rule(r"/:id(\\d+)"), rule("/:name")],
        [rule("/((?!api).*)"), rule("/:path*")],
        [rule("/:path*")],
    ],
)
def test_a_rule_that_can_be_reached_stands(rules: list[str]) -> None:
    """A rule that decides at least one path, method or kind of request is accepted."""
    assert len(read(*rules).rules) == len(rules)


@pytest.mark.parametrize("matcher", ["/a//b", "/([])", "/(^a)", "/a/..", "/(a;b)", "/.", "/%2e"])
def test_a_matcher_without_a_path_is_refused(matcher: str) -> None:
    """A matcher that no canonical path can match is a mistake."""
    assert read_fault(rule(matcher)) == f"p.toml, line 3: the matcher {matcher} matches no path at all"


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", **BETA), rule("/a", "protected")],
        [rule("/a", "protected", **BETA), rule("/a")],
        [rule("/a", "page", **BETA), rule("/:path*")],
        [rule("/a", "protected", missing=has("cookie", "c")), rule("/:path*")],
        [rule("/a/:x", "protected", **BETA), rule("/:x/b")],
        [rule("/a", "protected", **BETA), rule("/a", "page", role='"admin"')],
        [rule("/a", "protected", max_auth_age="60", **BETA), rule("/a", "protected")],
        [rule("/a", "page", anonymous_forms="true", **BETA), rule("/a", "page")],
        [rule("/a", "protected", **BETA), rule("/b"), rule("/a", **{**GET, "missing": has("query", "q")})],
        [rule("/a", **BETA), rule("/a", **{"has": has("header", "y"), **GET}), rule("/a", "page")],
    ],
)
def test_conditions_never_change_protection(rules: list[str]) -> None:
    """What a client sends must not decide whether it is let in: with such a pair of rules, no start."""
    assert "conditions must not change protection: /a" in read_fault(*rules)


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", **BETA), rule("/a", upstream='"gateway"')],
        [rule("/a", "protected", **BETA), rule("/a", "page")],
        [rule("/a", "protected", **BETA), rule("/b")],
        [rule("/a", "protected", **BETA)],
        [rule("/a", "protected", **BETA, **GET), rule("/a", **POST)],
        [rule("/a", "protected", **BETA), rule("/a", "page"), rule("/:path*")],
        [rule("/a", "protected"), rule("/a/:path*", **BETA), rule("/:path*")],
        [rule("/a"), rule("/:x", "protected", **BETA), rule("/:x", "protected"), rule("/:path*")],
    ],
)
def test_conditions_may_route(rules: list[str]) -> None:
    """Conditions may choose among rules with the same protection, or none."""
    assert len(read(*rules).rules) == len(rules)


@pytest.mark.parametrize("matcher", ["/app", "/app/:path*", "/app/x/:y", "/app{/:x}?", "/안/:x*", "/app/:x(a|b)/c"])
def test_raw_paths_are_below_a_literal_segment(matcher: str) -> None:
    """Encoded slashes and empty segments may pass where the first segment is one application's."""
    (found,) = read(rule(matcher, paths='"raw"')).rules
    assert found.paths is Paths.RAW


@pytest.mark.parametrize("matcher", ["/:path*", "/", "/app:x", "/:x/app", "/{app}?/:x", "/(app|api)/:x*", "/app{-:x}?"])
def test_raw_paths_anywhere_else_are_refused(matcher: str) -> None:
    """A rule for everything could take a spelling of anything."""
    reason = f"paths: raw is for matchers that begin with a literal segment, which {matcher} does not"
    assert read_fault(rule(matcher, paths='"raw"')) == f"p.toml, line 7: {reason}"
    assert read(rule(matcher, paths='"encoded"')).takes_spellings


def test_conditions_never_change_the_protection_of_a_spelling() -> None:
    """Where two rules take spellings, what these are read as counts, though it may be no canonical path."""
    loose = {"paths": '"encoded"'}
    narrowed = rule("/a/:x(b|%)", has=has("header", "x"), **loose)
    assert "/a/% is decided here as page" in read_fault(narrowed, rule("/a/:x(c|%)", "page", **loose))
    assert read(narrowed, rule("/a/:x(c|%)", "page")).takes_spellings


def test_rules_too_complex_to_compare_are_refused() -> None:
    """Where the checks would take too long the policy is refused, not trusted."""
    fault = read_fault(rule("/((?:.{71})+)", "page", **BETA), rule("/((?:.{73})+)"))
    assert fault.endswith(": /((?:.{73})+): Too complex to compare with the others")


COOKIES = '[upstreams]\nposts = "http://p"\nauth = { address = "http://a", session_cookies = true }\n'


@pytest.mark.parametrize("matcher", ["/api/auth/:path*", "/api/auth", "/api/auth/signin", "/api/auth/:way(a|b)/:x+"])
def test_nextauths_paths_lead_to_who_gets_its_cookies(matcher: str) -> None:
    """A matcher for NextAuth's paths alone leads to an upstream with ``session_cookies``, or the policy is refused."""
    there, elsewhere = rule("/a"), rule(matcher)
    assert read_fault(there, elsewhere, head=COOKIES) == (
        f"p.toml, line 11: upstream: {matcher} is NextAuth's, and posts does not get its cookies:"
        " nobody could sign in without session_cookies = true on the upstream"
    )
    for upstream in ("auth", "gateway"):
        assert len(read(there, rule(matcher, upstream=f'"{upstream}"'), head=COOKIES).rules) == 2


@pytest.mark.parametrize("matcher", ["/:path*", "/api/:path*", "/api/auth:x", "/api/:x/signin"])
def test_other_paths_may_lead_anywhere(matcher: str) -> None:
    """A matcher for more than NextAuth's paths says nothing about who speaks its protocol."""
    assert len(read(rule(matcher), head=COOKIES).rules) == 1


HERE, THERE, BOTH = ({"hosts": f"{hosts}"} for hosts in ('"a.example"', '"b.example"', '["a.example", "b.example"]'))


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", **HERE), rule("/a", **THERE)],
        [rule("/a", **HERE), rule("/a")],
        [rule("/a", **HERE), rule("/a", **BOTH)],
        [rule("/a/:x*", **HERE), rule("/a/b", "page", **THERE)],
        [rule("/a", **HERE, **GET), rule("/a", **HERE, **POST)],
        [rule("/a", "protected", **BETA, **HERE), rule("/a", **THERE)],
    ],
)
def test_each_host_is_judged_by_itself(rules: list[str]) -> None:
    """What one host's rules decide neither covers nor changes what another's do."""
    assert len(read(*rules).rules) == len(rules)


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", **HERE), rule("/a", **HERE)],
        [rule("/a"), rule("/a", **HERE)],
        [rule("/a/:x*", **BOTH), rule("/a/b", **HERE)],
        [rule("/a", **HERE), rule("/a", **THERE), rule("/a", **BOTH)],
    ],
)
def test_a_rule_that_no_host_reaches_is_refused(rules: list[str]) -> None:
    """Where earlier rules decide all paths of a matcher at all hosts that it is about, it is a mistake in the order."""
    assert "is never reached" in read_fault(*rules)


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", "protected", **BETA, **HERE), rule("/a", **HERE)],
        [rule("/a", "protected", **BETA, **HERE), rule("/a")],
        [rule("/a", "protected", **BETA), rule("/a", **THERE)],
        [rule("/a", "protected", **HERE), rule("/a", "page", **BETA), rule("/a", **BOTH)],
    ],
)
def test_at_one_host_conditions_never_change_protection(rules: list[str]) -> None:
    """A condition that a client chooses does not decide at any host whether it is let in."""
    assert "conditions must not change protection: /a" in read_fault(*rules)


def test_a_host_that_is_not_served_is_refused() -> None:
    """Where the served hosts are known, a rule about another one is a mistake, in the line of its hosts."""
    text = HEAD + rule("/a", **BOTH)
    assert len(parse_policy(text, {}, served={"a.example", "b.example"}).rules) == 1
    with pytest.raises(PolicyInvalid, match=r"line 7: hosts: b\.example is not served"):
        parse_policy(text, {}, served={"a.example"})


@pytest.mark.parametrize(
    ("rules", "remarks"),
    [
        (
            [rule("/a/:x*", "page", **HERE), rule("/:x*", **THERE)],
            ["/a of posts is page at a.example (line 3) and public at b.example (line 8): it must look at Host"],
        ),
        (
            [rule("/a", "page", **HERE), rule("/:x*")],
            ["/a of posts is page at a.example (line 3) and public at other hosts (line 8): it must look at Host"],
        ),
        ([rule("/a", "page", **HERE), rule("/:x*", **THERE, upstream='"gateway"')], []),
        ([rule("/a", "page", **HERE), rule("/a", "page", **THERE)], []),
        ([rule("/a", "page", **HERE), rule("/b", **THERE)], []),
        ([rule("/a", "page", **HERE), rule("/a", "page", **THERE), rule("/:x*", **BOTH)], []),
        ([rule("/a", "page"), rule("/b")], []),
    ],
)
def test_what_another_host_leaves_open_is_told(rules: list[str], remarks: list[str]) -> None:
    """Where a service's path is guarded at one host and not at another, that is no fault, and is said."""
    assert list(list_remarks(read(*rules))) == remarks


STRIPPED: dict[str, str] = {"strip": '"/x"'}


@pytest.mark.parametrize(
    ("rules", "remarks"),
    [
        (
            [rule("/x/:p*", **STRIPPED), rule("/admin/:p*", "page")],
            ["/admin of posts is public as /x/admin (line 3) and page as /admin (line 8)"],
        ),
        (
            [rule("/admin/:p*", "page"), rule("/x/:p*", "page", role='"staff"', **STRIPPED)],
            ["/admin of posts is page as /admin (line 3) and page as /x/admin (line 7)"],
        ),
        ([rule("/x/admin/:p*", "page", **STRIPPED), rule("/x/:p*", **STRIPPED), rule("/admin", "page")], []),
        ([rule("/x/:p*", "page", **STRIPPED), rule("/admin/:p*", "page")], []),
        ([rule("/x/open/:p*", **STRIPPED), rule("/admin/:p*", "page")], []),
        ([rule("/x/:p*", **STRIPPED), rule("/admin/:p*", "page", upstream='"gateway"')], []),
    ],
)
def test_what_a_prefix_taken_off_leaves_open_is_told(rules: list[str], remarks: list[str]) -> None:
    """Where a path of a service is guarded, and not behind a prefix that is taken off, that is said."""
    assert list(list_remarks(read(*rules))) == remarks


NAMED: dict[str, str] = {"methods": '["GET", "PROPFIND"]'}


@pytest.mark.parametrize(
    ("rules", "remarks"),
    [
        (
            [rule("/a/:x*", "protected"), rule("/:x*", **NAMED)],
            ["/a of posts is protected (line 3), but for PROPFIND, which is public (line 7): name that method in both"],
        ),
        (
            [rule("/a", "page", role='"staff"'), rule("/:x*", "page", **NAMED)],
            ["/a of posts is page (line 3), but for PROPFIND, which is page (line 8): name that method in both"],
        ),
        ([rule("/a", "protected"), rule("/a", "protected", **NAMED), rule("/:x*", **NAMED)], []),
        ([rule("/a", "protected", **NAMED), rule("/:x*", **NAMED)], []),
        ([rule("/a", "protected", methods='"GET"'), rule("/:x*", **NAMED)], []),
        ([rule("/a"), rule("/:x*", "page", **NAMED)], []),
        ([rule("/a", "protected"), rule("/b/:x*", **NAMED)], []),
        (
            [rule("/a", "protected", **HERE), rule("/:x*", **THERE, **NAMED)],
            ["/a of posts is protected at a.example (line 3) and public at b.example (line 8): it must look at Host"],
        ),
    ],
)
def test_what_other_methods_leave_open_is_told(rules: list[str], remarks: list[str]) -> None:
    """Where a guard names no methods, and a later rule names others for its paths, that is no fault, and is said."""
    assert list(list_remarks(read(*rules))) == remarks
