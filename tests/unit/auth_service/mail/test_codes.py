"""Codes that are sent by mail: made, shown and read."""

from hypothesis import given
from hypothesis import strategies as st

from auth_service.mail.codes import make_code, read_code, show_code

CODES = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=8, max_size=8)


@given(CODES, st.sampled_from(["{}", " {} ", "{}\n", "\u00a0{}"]), st.booleans())
def test_what_is_shown_can_be_typed(code: str, around: str, is_lower: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A code is read as it is shown, in any case, with or without what stands around it."""
    shown = around.format(show_code(code))
    assert read_code(shown.lower() if is_lower else shown) == code


def test_letters_that_look_alike_are_one() -> None:
    """I, L and O, which no code has, are read as the digits that they look like; U is never one."""
    assert read_code("olio-2345") == "01102345"
    assert read_code("uuuu-2345") is None


@given(st.text())
def test_what_is_no_code_is_none(typed: str) -> None:
    """Whatever is typed is read as eight characters of the alphabet, or refused."""
    code = read_code(typed)
    assert code is None or read_code(code) == code


def test_codes_are_of_the_whole_alphabet() -> None:
    """A new code can be typed, and codes use all 32 characters."""
    made = [make_code() for _ in range(200)]
    assert all(read_code(code) == code for code in made)
    assert len(set("".join(made))) == 32
