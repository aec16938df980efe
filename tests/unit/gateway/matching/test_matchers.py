"""Matchers: the syntax of path-to-regexp 6.3 with the meaning that Next.js gives it.

The tables of what matches were compared with the npm package path-to-regexp 6.3.0.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching.dfa import find_text
from gateway.matching.matchers import MatcherInvalid, compile_matcher, compile_regex

ALL_BUT_API = "/((?!api|_next/static|favicon.ico).*)"


@pytest.mark.parametrize(
    ("source", "matching", "others"),
    [
        ("/", "/", "/a"),
        ("/about", "/about /about/", "/about/team /About / /abou /aboutx"),
        ("/about/:path", "/about/a /about/a/", "/about /about/ /about/a/b"),
        ("/about/:path?", "/about /about/ /about/a", "/about/a/b /aboutx"),
        ("/about/:path+", "/about/a /about/a/b", "/about /about/"),
        ("/userposts/:path*", "/userposts /userposts/ /userposts/1/2 /userposts/안녕", "/userpostsx /Userposts / /x"),
        (ALL_BUT_API, "/ /admin /x/api /Api", "/api /api/user /apiary /_next/static/x /favicon.ico /faviconXico"),
        ("/:a/:b", "/x/y", "/x /x/y/z"),
        ("/:a-:b", "/x-y /x-y-z", "/x /x- /-y"),
        ("/:file.:ext", "/a.txt /a.b.c", "/a /a."),
        ("/:file.:ext?", "/a /a.txt", "/"),
        (r"/user/:id(\d+)", "/user/7 /user/007", "/user/x /user/7x /user/"),
        ("/(a|b)/c", "/a/c /b/c", "/ab/c /c"),
        ("/:lang(en|ko)?/docs", "/docs /en/docs /ko/docs", "/de/docs /endocs"),
        ("/:lang(en|ko)*/docs", "/docs /en/ko/en/docs", "/en/de/docs"),
        ("/files{-:size}?", "/files /files-big", "/files- /filesbig"),
        ("/files{-:part}*", "/files /files-a-b", "/files/a"),
        ("/{a,:x;}+", "/a,1; /a,1;a,22;", "/ /a,1 /a,;"),
        ("/a{/b}?", "/a /a/b /a/b/", "/a/b/b /ab"),
        ("/a{/b}*c", "/ac /a/b/bc", "/a/c"),
        ("/{}x", "/x", "/"),
        ("/a{(b)}?", "/a /ab", "/abb"),
        (r"/\:x\(\)\{\}", "/:x(){}", "/y(){}"),
        (r"/a\+b", "/a+b", "/aab"),
        ("/a.b|c$^[d]", "/a.b|c$^[d]", "/aXb|c$^[d] /a.b"),
        (r"/\/:x", "//a", "/ /a"),
        ("/안녕/:path*", "/안녕 /안녕/a", "/안"),
        ("/(.*)/edit/(.*)", "/a/edit/ /a/b/edit/c/d /a/edit/edit/x", "/edit/a /a/edit"),
        ("/:a*/x/:b*", "/x /a/x/b /x/x/x", "/a/b"),
        (r"/((?!.*\.png$).*)", "/ /a /a.png/ /a.pngx", "/a.png /b/c.png"),
        (r"/(.*(?<!\.png))", "/a /a.png/", "/a.png"),
        (r"/(.*(?<=\.png|gif))", "/a.png /gif", "/a"),
        (r"/(.*\bfoo\b.*)", "/foo /a-foo/b", "/foobar /xfoo"),
        (r"/(.*\Bfoo.*)", "/xfoo", "/foo /a-foo"),
        (r"/((?!api\b).*)", "/apiary /x", "/api /api/x"),
        ("/((?<word>a|b)c)", "/ac /bc", "/c"),
        ("/((?:a|b){2})", "/ab /ba", "/a /abc"),
        ("/(a{2,})", "/aa /aaaa", "/a"),
        ("/(a{1,2}?)", "/a /aa", "/aaa"),
        ("/([a-c]+?)", "/abc", "/abd"),
        ("/([^/]+)", "/abc", "/a/b"),
        ("/([-a]+)", "/a-", "/b"),
        ("/([a-]+)", "/a-", "/b"),
        (r"/([\d_\-]+)", "/1_2-", "/a"),
        (r"/(\w+)", "/aZ_9", "/é"),
        (r"/(\W)", "/é /-", "/a"),
        (r"/(\D\S)", "/ab", "/1b"),
        (r"/(\x61\u0062\cA?)", "/ab", "/a"),
        ("/([^])", "/a /é", "/ab"),
        ("/([]|a)", "/a", "/b"),
        ("/(a|)", "/ /a", "/b"),
        ("/(a(?=/|$).*)", "/a /a/b", "/ab"),
        ("/((?:(?!foo).)*)", "/a/fo/o", "/a/foo"),
        ("/((?:a+)+)", "/aaaa", "/aaab"),
        (r"/(\.)", "/.", "/a /.."),
    ],
)
def test_what_a_matcher_matches(source: str, matching: str, others: str) -> None:
    """A matcher means what it means in Next.js: the whole path, in its case, one trailing slash tolerated."""
    matcher = compile_matcher(source)
    assert [path for path in matching.split() if not matcher.matches(path)] == []
    assert [path for path in others.split() if matcher.matches(path)] == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("", "A matcher must start with / at 0"),
        ("about", "A matcher must start with / at 0"),
        (":path*", "A matcher must start with / at 0"),
        ("/" + "a" * 4096, "A matcher must not be longer than 4096 characters"),
        ("/a/:", "Missing parameter name at 3"),
        ("/a/:-x", "Missing parameter name at 3"),
        ("/:안", "Missing parameter name at 1"),
        ("/(?:a)", 'Pattern cannot start with "?" at 2'),
        ("/(a(b))", "Capturing groups are not allowed at 3"),
        ("/([(])", "Capturing groups are not allowed at 3"),
        ("/(a", "Unbalanced pattern at 1"),
        ("/(a\\", "Unbalanced pattern at 1"),
        ("/()", "Missing pattern at 1"),
        ("/:a:b", "Must have text between two parameters, missing text at 3"),
        ("/:a(x){:b}", "Must have text between two parameters, missing text at 7"),
        ("/{a}?{:b}", "Must have text between two parameters, missing text at 6"),
        ("/x(a)*", "Can not repeat without a prefix or suffix, the parameter at 2"),
        ("/{:a}+", "Can not repeat without a prefix or suffix, the parameter at 2"),
        ("/a*", "Unexpected MODIFIER, expected END at 2"),
        ("/:a**", "Unexpected MODIFIER, expected END at 4"),
        ("/a}", "Unexpected CLOSE, expected END at 2"),
        ("/{a", "Unexpected END, expected CLOSE at 3"),
        ("/{a{b}}", "Unexpected OPEN, expected CLOSE at 3"),
        ("/{:a:b}", "Unexpected NAME, expected CLOSE at 4"),
        ("/{a*}", "Unexpected MODIFIER, expected CLOSE at 3"),
        ("/a\\", "Nothing to escape at 2"),
        ("/(*)", "Nothing to repeat, or an unescaped * at 2"),
        ("/(a**)", "Nothing to repeat, or an unescaped * at 4"),
        ("/(a{,3})", "Nothing to repeat, or an unescaped { at 3"),
        ("/(a{3,2})", "Repetition out of order at 8"),
        ("/(a{1001})", "More than 1000 repetitions at 9"),
        ("/(^*)", "Nothing to repeat, or an unescaped * at 3"),
        ("/(\\b+)", "Nothing to repeat, or an unescaped + at 4"),
        ("/((?=a)*)", "Nothing to repeat, or an unescaped * at 7"),
        ("/(a]b)", "Nothing to repeat, or an unescaped ] at 3"),
        ("/((?i:a))", "Unknown kind of group at 2"),
        ("/((?P<n>a))", "Unknown kind of group at 2"),
        ("/((?>a))", "Unknown kind of group at 2"),
        ("/((?#a))", "Unknown kind of group at 2"),
        ("/([a)", "Unexpected end of the regular expression at 4"),
        ("/([)])", "Unexpected end of the regular expression at 3"),
        ("/([b-a])", "Character range out of order at 6"),
        ("/(a\\1)", "The escape \\1 is not allowed at 5"),
        ("/((?<n>a)\\k<n>)", "The escape \\k is not allowed at 11"),
        ("/(\\p{L})", "The escape \\p is not allowed at 4"),
        ("/(a\\Z)", "The escape \\Z is not allowed at 5"),
        ("/(\\u{61})", "The escape \\u is not allowed at 4"),
        ("/(\\00)", "The escape \\0 is not allowed at 4"),
        ("/((?<=a(?=b)))", "A look-behind must not look around itself"),
        ("/((?<=^a))", "A look-behind must not look around itself"),
        ("/(.*a.{20})", "Too complex: it needs more than 5000 states"),
        ("/((?:a?){1000})", "Too complex: it needs too many steps to tabulate"),
        ("/((?:a{1000}){1000})", "Too complex: it needs more than 20000 steps"),
        ("/((?:(?:){1000}){1000})", "Too complex: it needs more than 20000 steps"),
        ("/(" + "(?:" * 40 + ")" * 40 + ")", "More than 32 groups inside one another at 101"),
    ],
)
def test_a_bad_matcher_is_refused_where_it_is_wrong(source: str, fault: str) -> None:
    """What path-to-regexp refuses, what cannot take linear time and what JavaScript would guess at is refused."""
    with pytest.raises(MatcherInvalid) as refusal:
        compile_matcher(source)
    assert str(refusal.value) == fault


@given(st.text(alphabet="/:ab(){}?*+\\.[]^$|!=<-,1{}dwbBk 안", max_size=25))
def test_a_matcher_raises_nothing_but_its_own_error(tail: str) -> None:
    """Any text compiles or is refused by MatcherInvalid, and what compiles answers every path."""
    try:
        matcher = compile_matcher("/" + tail)
    except MatcherInvalid:
        return
    for path in ("/", "/a", "/a/b", "/안/", "/-.x", "/" + "a/" * 1000):
        assert matcher.matches(path) in {True, False}


@given(st.text(max_size=20))
def test_plain_text_matches_itself_alone(text: str) -> None:
    """Any text, escaped, is a matcher for itself and itself with a slash at the end."""
    source = "/" + "".join("\\" + character for character in text)
    matcher = compile_matcher(source)
    found = [path for path in (text, text + "/", text + "x", "x" + text) if matcher.matches("/" + path)]
    assert found == [text, text + "/"]


@pytest.mark.parametrize("source", ["/about", "/about/:path*", "/:a-:b", "/(ab|ac)d", "/:x*", "/a{b}?", "/([])"])
@given(tail=st.text(alphabet="abcd/-", max_size=8))
def test_the_prefix_loses_no_path(source: str, tail: str) -> None:
    """The prefix that rules out most paths early is one that every matched path has."""
    matcher = compile_matcher(source)
    assert matcher.matches("/" + tail) == matcher.dfa.accepts("/" + tail)


def test_find_text_gives_a_shortest_witness() -> None:
    """Tables answer whether some text is matched by these and not by those, and which."""
    pages, new, ids = (compile_matcher(s).dfa for s in ("/posts/:id", "/posts/new", r"/posts/:id(\d+)"))
    assert find_text([pages, new], []) == "/posts/new"
    assert find_text([pages, ids], [new]) == "/posts/0"
    assert find_text([new], [pages]) is None
    assert find_text([new, ids], []) is None


def test_a_comparison_that_grows_too_large_is_refused() -> None:
    """Comparing tables is bounded, as building them is: beyond the bound it is an error, never a guess."""
    machines = [compile_regex(f"(?:.{{{size}}})*") for size in (17, 19, 23)]
    with pytest.raises(MatcherInvalid, match="Too complex to compare"):
        find_text([*machines, compile_regex(".+")], [])


@given(
    source=st.sampled_from(["(a|ab)*", "a?b?c?", "(?:aab|b)+", "", "[ab]{2,3}c*"]),
    text=st.text(alphabet="abc", max_size=4),
    rest=st.text(alphabet="abc", max_size=4),
)
def test_what_may_follow_a_text_is_a_table_of_its_own(source: str, text: str, rest: str) -> None:
    """The table after a text accepts exactly what completes it."""
    table = compile_regex(source)
    after = table.after(text)
    assert (after is not None and after.accepts(rest)) == table.accepts(text + rest)
