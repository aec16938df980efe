"""How a difference is told: in a terminal, as a comment on a pull request, as JSON."""

import json

from gateway.proving.diff import Diff, compare_policies
from gateway.proving.report import as_json, list_lines, list_markdown
from tests.support.policies import has, read, rule


def compare(old: list[str], new: list[str]) -> Diff:
    """Compare two policies written in short."""
    return compare_policies(read(*old), read(*new))


OPENED = compare([rule("/a", "page"), rule("/b")], [rule("/a"), rule("/b", "protected")])


def test_what_concerns_everything_is_told_everywhere() -> None:
    """A header that no client may send any more is named once, in each form of the answer."""
    diff = compare([rule("/a")], [rule("/a", identity='{ X-Staff = "id" }')])
    says = "a client's own X-Staff no longer passes, to no upstream"
    assert f"everywhere: {says}" in list(list_lines(diff))
    assert f"**Everywhere**: {says}" in list(list_markdown(diff))
    assert as_json(diff)["everywhere"] == [says]


def test_nothing_in_one_line() -> None:
    """Where nothing changes, one line says so, and of how many kinds of path."""
    same = compare([rule("/a")], [rule("/a")])
    lines = ["Nothing changes, for any request: all paths were compared, in 7 kinds."]
    assert list(list_lines(same)) == lines
    assert list(list_markdown(same)) == ["**Nothing changes, for any request: all paths were compared, in 7 kinds.**"]
    empty: dict[str, object] = {"differences": [], "everywhere": [], "undecided": []}
    assert as_json(same) == {"changes": False, "kinds_of_path": 7, **empty}


def test_lines_for_a_terminal() -> None:
    """What is opened stands first, with the rules before and after, who, how, what, and an example."""
    lines = list(list_lines(OPENED))
    assert lines[:9] == [
        "The policy changes: opens 1, closes 1 (sets of paths; all paths were compared, in 8 kinds).",
        "",
        "/a and 1 other path",
        "  before    line 3: page to posts: /a",
        "  after     line 3: public to posts: /a",
        "  opens     GET, HEAD: anonymous, navigating",
        "            302 to the sign-in page -> passes to posts",
        "            GET /a (anonymous)",
        "  opens     GET, HEAD: anonymous, not navigating",
    ]
    assert "            GET /a (anonymous, Sec-Fetch-Mode: cors)" in lines
    assert "  refuses   4 more kinds of request, for another reason (--json lists them)" in lines
    assert lines.index("/a and 1 other path") < lines.index("/b and 1 other path")


def test_no_rule_is_told() -> None:
    """Where no rule decides, before or after, that is what stands there."""
    lines = list(list_lines(compare([rule("/a")], [rule("/b/:x")])))
    assert lines[2:4] == ["/b/a and other paths, unbounded or too many to count", "  before    no rule"]


def test_all_of_a_change_in_json() -> None:
    """The JSON has every kind of request, each with an example that can be sent."""
    old = [rule("/안", role='"admin"', access='"protected"', max_auth_age="60", has=has("query", "q", "1|2"))]
    (difference, *_) = json.loads(json.dumps(as_json(compare(old, [rule("/b")]))))["differences"][1:]
    assert (difference["path"], difference["paths"]) == ("/%EC%95%88", 2)
    assert difference["when"] == "with query q = 1|2"
    assert difference["before"] == [
        {
            "line": 3,
            "matcher": ["/안"],
            "access": "protected",
            "role": "admin",
            "max_auth_age": 60,
            "authorization": "token",
            "upstream": "posts",
        }
    ]
    assert difference["after"] == []
    passing = [change for change in difference["changes"] if change["impact"] == "closes"]
    assert [(change["caller"], change["how"]) for change in passing] == [
        ("signed in within 60 s with the role admin", "")
    ]
    assert passing[0]["before"]["upstream"] == "posts"
    assert passing[0]["after"]["status"] == 404
    assert passing[0]["example"] == {
        "method": "GET",
        "target": "/%EC%95%88?q=1",
        "headers": [],
        "caller": "signed in as admin",
    }
    assert {change["impact"] for change in difference["changes"]} == {"closes", "refuses"}


def test_markdown_shows_texts_as_they_are() -> None:
    """A table for each set of paths; nothing in a matcher becomes markup."""
    lines = list(list_markdown(compare([rule("/b")], [rule("/:x(a|<b>|__c__|&lt;)"), rule("/b")])))
    assert lines[0].startswith("**The policy changes: opens 1")
    assert "| | methods | who | before | after | example |" in lines
    assert "- after: line 3: public to posts: /:x\\(a\\|\\<b\\>\\|\\_\\_c\\_\\_\\|\\&lt;\\)" in lines
    rows = [line for line in lines if line.startswith("| **opens**")]
    assert rows
    assert all(line.count("|") - line.count("\\|") == 7 for line in rows)


def test_a_comment_is_not_too_long() -> None:
    """A comment has 65,536 characters at most: the gravest differences are shown, and how many more there are."""
    letters = "abcdefghijklmnopqrst"
    old = [rule(f"/{each}{other}", "page") for each in letters for other in letters[:16]]
    diff = compare(old, [rule("/zz"), *(each.replace('"page"', '"protected"') for each in old)])
    lines = list(list_markdown(diff))
    assert len("\n".join(lines)) < 65_536
    shown = sum(line.startswith("### ") for line in lines)
    assert 100 < shown < len(diff.differences)
    assert lines[2] == "### /zz and 1 other path"
    assert lines[-1] == (
        f"{len(diff.differences) - shown} more sets of paths are not shown: a comment can't be that long. "
        "Without `--markdown` all are."
    )


def test_what_is_undecided_is_told() -> None:
    """A difference that can't be decided is no theorem, and stands in every form of the report."""
    old = [rule("/a", has=has("header", "cookie")), rule("/a", has=has("cookie", "c"))]
    diff = compare(old, [rule("/a", has=has("header", "cookie"))])
    says = "/a: conditions on cookie c, header cookie depend on one another, so not all combinations could be tried"
    assert f"not decided: {says}" in list_lines(diff)
    assert f"**Not decided**: {says}" in list_markdown(diff)
    assert as_json(diff)["undecided"] == [says]


OWN = compare([rule("/a")], [rule("/a", authorization='"own"')])
AS_IT_CAME = "passes to posts, with its Authorization header as it came"
BY_COOKIE = "signed in by the session cookie"
SEVERAL = "Authorization: Basic YTpi, Authorization: Basic YTpi"


def test_credentials_that_a_service_gets_are_told() -> None:
    """Which Authorization header reaches a service stands in every form, with an example that can be sent."""
    assert list(list_lines(OWN)) == [
        "The policy changes: closes 1, reroutes 1 (sets of paths; all paths were compared, in 7 kinds).",
        "",
        "/a and 1 other path",
        "  before    line 3: public to posts: /a",
        "  after     line 3: public to posts, the Authorization header is its own: /a",
        "  closes    GET, HEAD, POST, PUT, PATCH, DELETE: anonymous, with several Authorization headers",
        "            passes to posts -> 400 Send one Authorization header at most",
        f"            GET /a (anonymous, {SEVERAL})",
        f"  closes    GET, HEAD, POST, PUT, PATCH, DELETE: {BY_COOKIE}, with several Authorization headers",
        "            passes to posts, with the caller's token -> 400 Send one Authorization header at most",
        f"            GET /a (signed in, {SEVERAL})",
        "  reroutes  GET, HEAD, POST, PUT, PATCH, DELETE: anonymous",
        f"            passes to posts, for everyone -> {AS_IT_CAME}, for this caller alone",
        "            GET /a (anonymous)",
        "  reroutes  GET, HEAD, POST, PUT, PATCH, DELETE: signed in by the session cookie",
        f"            passes to posts, with the caller's token -> {AS_IT_CAME}",
        "            GET /a (signed in)",
        "  reroutes  GET, HEAD, POST, PUT, PATCH, DELETE: signed in by a token in the header",
        f"            passes to posts, with the caller's token -> {AS_IT_CAME}",
        "            GET /a (signed in, Authorization: Bearer <an access token>)",
        "  refuses   2 more kinds of request, for another reason (--json lists them)",
    ]
    row = (
        "| **reroutes** | GET HEAD POST PUT PATCH DELETE | signed in by the session cookie "
        f"| passes to posts, with the caller's token | {AS_IT_CAME} | GET /a \\(signed in\\) |"
    )
    assert row in list_markdown(OWN)
    (difference,) = json.loads(json.dumps(as_json(OWN)))["differences"]
    assert [rules[0]["authorization"] for rules in (difference["before"], difference["after"])] == ["token", "own"]
    several = next(change for change in difference["changes"] if change["how"] == "with several Authorization headers")
    assert several["example"]["headers"] == [["Authorization", "Basic YTpi"], ["Authorization", "Basic YTpi"]]
    assert {change["after"]["says"] for change in difference["changes"] if change["impact"] == "reroutes"} == {
        f"{AS_IT_CAME}, for this caller alone",
        AS_IT_CAME,
    }


def test_a_set_of_paths_counts_for_all_that_is_done_to_it() -> None:
    """Where one caller is let in and another no longer, the summary says both."""
    old, new = ([rule("/a", "page", role=f'"{role}"')] for role in ("admin", "editor"))
    first, *lines = list_lines(compare(old, new))
    assert first == "The policy changes: opens 1, closes 1 (sets of paths; all paths were compared, in 7 kinds)."
    who = "signed in with the role editor and without the role admin"
    assert f"  opens     GET, HEAD, POST, PUT, PATCH, DELETE: {who}" in lines
