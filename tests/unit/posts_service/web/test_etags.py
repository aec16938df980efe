"""Entity tags and conditional requests with them (RFC 9110, sections 8.8.3 and 13.1)."""

import dataclasses
import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts_service.tables.posts import Post
from posts_service.web.etags import etag_of, is_matched_strongly, is_matched_weakly
from shared.users_copy.authors import Author

NOW = dt.datetime.now(dt.UTC)
POST = Post(1, "Title", "", True, 1, 7, NOW, NOW, Author(7, "Ada", "ada@example.com"))
TAG = '"1-abc"'


def test_a_tag_is_well_formed_and_changes_with_what_is_shown() -> None:
    """Version, time of the last change, name, address, an unknown author: each gives a different strong tag."""
    assert POST.author
    posts = [
        POST,
        dataclasses.replace(POST, version=2),
        dataclasses.replace(POST, updated_at=POST.updated_at + dt.timedelta(microseconds=1)),
        dataclasses.replace(POST, author=None),
        dataclasses.replace(POST, author=dataclasses.replace(POST.author, name="Eve")),
        dataclasses.replace(POST, author=dataclasses.replace(POST.author, email="eve@example.com")),
    ]
    tags = [etag_of(post) for post in posts]
    assert len(set(tags)) == len(tags)
    assert all(is_matched_strongly(tag, tag) for tag in tags)


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
