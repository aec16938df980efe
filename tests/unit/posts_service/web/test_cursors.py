"""Cursors of lists."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts_service.web.cursors import PATTERN, decode_cursor, encode_cursor

MAX_ID = 2**63 - 1


@given(st.integers(min_value=0, max_value=MAX_ID))
def test_a_cursor_leads_back_to_its_post(last_id: int) -> None:
    """Decoding a cursor gives the id that it was made from."""
    assert decode_cursor(encode_cursor(last_id)) == last_id


@given(st.text(max_size=12) | st.from_regex(r"[A-Za-z0-9_-]{11}", fullmatch=True))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """A text is refused, or is the only spelling of an id's cursor."""
    try:
        last_id = decode_cursor(text)
    except ValueError:
        return
    assert 0 <= last_id <= MAX_ID
    assert encode_cursor(last_id) == text


@given(st.from_regex(re.compile(PATTERN, re.ASCII), fullmatch=True))
def test_the_pattern_promises_what_is_taken(text: str) -> None:
    """Every text that matches the published pattern is a cursor."""
    assert 0 <= decode_cursor(text.removesuffix("\n")) <= MAX_ID


@pytest.mark.parametrize(
    "text", ["", "AAAAAAAAAAI\n", "AAAAAAAAAAI=", "AAAAAAAAAAB", "gAAAAAAAAAA", "AAAAAAAAAA", "\uff11"]
)
def test_other_spellings_are_refused(text: str) -> None:
    """Padding, a line break, stray bits, a negative number, a digit too few: none is a cursor."""
    with pytest.raises(ValueError, match="cursor"):
        decode_cursor(text)
