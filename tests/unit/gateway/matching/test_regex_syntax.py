"""Regular expressions in matchers: JavaScript's, in tables."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching.matchers import MatcherInvalid, compile_regex

SHARED_SYNTAX = st.recursive(
    st.sampled_from(["a", "b", "/", ".", "[ab]", "[^a]", r"\d", r"\w", ""]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
        inner.map(lambda text: f"(?={text})"),
        inner.map(lambda text: f"(?!{text})"),
        st.sampled_from(["(?<=a)", "(?<!b)", "(?<=ab|ba)", r"\b", r"\B", "^", "$"]),
    ),
    max_leaves=8,
)


@given(SHARED_SYNTAX, st.text(alphabet="ab/1-", min_size=1, max_size=6))
def test_tables_agree_with_backtracking(pattern: str, text: str) -> None:
    """Where an expression means the same in JavaScript and Python, the table agrees with Python's ``re``."""
    expected = re.fullmatch(pattern.replace("$", r"\Z"), text, re.ASCII) is not None
    try:
        dfa = compile_regex(pattern)
    except MatcherInvalid:
        return  # too complex, and that is the only reason for one of these
    assert dfa.accepts(text) == expected


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a$", ["a"], ["a\n"]),
        (".", ["é", "\x85", "😀"], ["\n", "\r", "\u2028", "\u2029"]),
        (r"\s", [" ", "\ufeff", "\u2003", "\xa0"], ["\x1c", "\x85", "a"]),
        (r"\d", ["1"], ["\u0661"]),
        (r"\w", ["a"], ["é"]),
        (r"[\b]", ["\b"], ["b"]),
        (r"\t\n\v\f\r\0", ["\t\n\v\f\r\0"], []),
        ("[[]", ["["], ["]"]),
        ("[a&&b]", ["&"], ["c"]),
        ("[]", [], ["", "]"]),
        ("[^]", ["\n"], [""]),
        ("(?<n>a)(?<m>b)", ["ab"], ["a"]),
        ("(?<=a+)b|ab", ["ab"], ["b"]),
        ("-", ["-"], []),
        ("#x", ["#x"], [""]),
        ("^a^b", [], ["ab"]),
    ],
)
def test_regular_expressions_are_javascript(pattern: str, matching: list[str], others: list[str]) -> None:
    """Where JavaScript and Python differ, an expression means what JavaScript says."""
    dfa = compile_regex(pattern)
    assert [text for text in matching if not dfa.accepts(text)] == []
    assert [text for text in others if dfa.accepts(text)] == []


def test_a_stray_parenthesis_is_refused() -> None:
    """A value to compare with is a whole regular expression: anything left over is an error."""
    with pytest.raises(MatcherInvalid, match="Unmatched \\) at 1"):
        compile_regex("a)")
    with pytest.raises(MatcherInvalid, match="Unterminated group at 4"):
        compile_regex("(?:a")
