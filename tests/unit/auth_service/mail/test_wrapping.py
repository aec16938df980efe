"""Plain text in lines."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from auth_service.mail.wrapping import COLUMNS, measure, wrap

WORDS = st.lists(st.text("ab가나é", min_size=1, max_size=20))


def test_wide_characters_take_two_columns() -> None:
    """A Korean syllable is as wide as two Latin letters; an accent takes no room."""
    assert [measure(each) for each in ("ab", "가나", "e\u0301", "")] == [2, 4, 1, 0]


@given(WORDS)
def test_lines_are_short_and_full(words: list[str]) -> None:
    """No line is longer than a mail program shows, none could take another word, and no word is lost or broken."""
    lines = wrap(" ".join(words)).split("\n")
    assert " ".join(lines).split() == words
    assert all(measure(line) <= COLUMNS for line in lines)
    for line, following in itertools.pairwise(lines):
        assert measure(line) + 1 + measure(following.split()[0]) > COLUMNS


def test_an_address_is_never_broken() -> None:
    """A word longer than a line stays whole, so that an address can be pressed."""
    url = "https://gatepost.example/" + "a" * 100
    assert wrap(f"Here: {url} and there") == f"Here:\n{url}\nand there"
