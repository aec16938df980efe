"""The device cookie: whose browser this is, and nothing that anybody could forge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.device_cookie import CLOCK_TOLERANCE, MAX_AGE, DeviceCookies, LastSignIn, names_session

NOW = 1_700_000_000
COOKIES = DeviceCookies("a" * 40)
DEVICE = LastSignIn(7, "6f1ed002-ab55-41a5-8d06-1e0e8c1f1a2b")


def test_what_was_made_is_read() -> None:
    """A device cookie names the user and the session of the sign-in that set it, for 90 days."""
    made = COOKIES.make(DEVICE, NOW)

    assert COOKIES.find_last_sign_in(made, NOW) == DEVICE
    assert COOKIES.find_last_sign_in(made, NOW + MAX_AGE - 1) == DEVICE
    assert COOKIES.find_last_sign_in(made, NOW + MAX_AGE) is None


def test_clocks_may_differ_a_little() -> None:
    """A cookie from a replica whose clock is a minute ahead is valid; one from further ahead is not."""
    assert COOKIES.find_last_sign_in(COOKIES.make(DEVICE, NOW), NOW - CLOCK_TOLERANCE) == DEVICE
    assert COOKIES.find_last_sign_in(COOKIES.make(DEVICE, NOW), NOW - CLOCK_TOLERANCE - 1) is None


def test_a_previous_secret_still_reads() -> None:
    """After a change of NEXTAUTH_SECRET, cookies made with the previous one are valid; with any other they aren't."""
    made = COOKIES.make(DEVICE, NOW)

    assert DeviceCookies("b" * 40, ["a" * 40]).find_last_sign_in(made, NOW) == DEVICE
    assert DeviceCookies("b" * 40).find_last_sign_in(made, NOW) is None


@pytest.mark.parametrize("position", range(0, 120, 7))
def test_no_character_can_be_changed(position: int) -> None:
    """A cookie with any character changed is invalid."""
    made = COOKIES.make(DEVICE, NOW)
    position %= len(made)
    changed = made[:position] + ("0" if made[position] != "0" else "1") + made[position + 1 :]

    assert COOKIES.find_last_sign_in(changed, NOW) is None


@given(st.text(max_size=200))
def test_anything_else_is_none(text: str) -> None:
    """Whatever a browser sends, reading it raises nothing."""
    assert COOKIES.find_last_sign_in(text, NOW) is None


def test_which_session_it_names_is_seen_without_a_key() -> None:
    """A cookie's session can be compared without checking its signature; nothing else passes for a session."""
    made = COOKIES.make(DEVICE, NOW)

    assert names_session(made, DEVICE.session_id)
    for other in (DEVICE.session_id[:-1], DEVICE.session_id.upper(), "", "7", str(NOW), f"{DEVICE.session_id}.{NOW}"):
        assert not names_session(made, other)
    for text in ("", ".", DEVICE.session_id, f"{DEVICE.session_id}.7", "..."):
        assert not names_session(text, DEVICE.session_id)
