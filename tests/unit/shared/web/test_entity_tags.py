"""Conditional requests with entity tags (RFC 9110, section 13.1)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.entity_tags import is_matched_strongly, is_matched_weakly

TAG = '"1-abc"'


@pytest.mark.parametrize(
    ("condition", "strongly", "weakly"),
    [
        (TAG, True, True),
        (f"W/{TAG}", False, True),
        ("*", True, True),
        (" * ", True, True),
        (f'"x", {TAG}', True, True),
        (f'"x",{TAG},"y"', True, True),
        (f",, \t{TAG} ,", True, True),
        (f'"with,comma", {TAG}', True, True),
        (f'"x", W/{TAG}', False, True),
        ('"x"', False, False),
        ("", False, False),
        ('""', False, False),
        (f"w/{TAG}", False, False),
        (f"W / {TAG}", False, False),
        (TAG.strip('"'), False, False),
        (f"{TAG} {TAG}", False, False),
        (f"*, {TAG}", False, False),
        (f"{TAG}, *", False, False),
        (f'{TAG}, "unclosed', False, False),
        (f"{TAG}, nonsense", False, False),
    ],
)
def test_conditions_hold_as_the_rfc_says(condition: str, *, strongly: bool, weakly: bool) -> None:
    """Lists, weak tags and ``*``; a malformed condition matches nothing."""
    assert is_matched_strongly(condition, TAG) is strongly
    assert is_matched_weakly(condition, TAG) is weakly


@given(st.text(alphabet='W/"*, \t1-abcé\\', max_size=40))
def test_every_condition_is_read(condition: str) -> None:
    """Nothing that a client sends breaks the parser, and what matches strongly also matches weakly."""
    assert is_matched_weakly(condition, TAG) or not is_matched_strongly(condition, TAG)


@pytest.mark.parametrize("piece", [" ", ",", '"', 'W/"', " ,", '"a" '])
def test_reading_takes_linear_time(piece: str) -> None:
    """A condition of 64 KiB, made to be hard, is parsed at once."""
    started = time.perf_counter()
    is_matched_strongly(piece * (65_536 // len(piece)) + "x", TAG)
    assert time.perf_counter() - started < 1
