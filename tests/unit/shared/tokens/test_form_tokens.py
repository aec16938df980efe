"""A token for every form: valid in its session, for a while, and nowhere else."""

import hashlib
import hmac

from hypothesis import example, given
from hypothesis import strategies as st

from shared.tokens.form_tokens import CLOCK_TOLERANCE, MAX_AGE, FormTokens, is_past

NOW = 1_800_000_000
tokens = FormTokens("a-secret-of-some-service-0123456789")


def test_token_is_good_in_its_session() -> None:
    """A form that was shown in a session is accepted in it for twelve hours."""
    token = tokens.sign("session-1", NOW)

    assert tokens.is_valid(token, "session-1", NOW)
    assert tokens.is_valid(token, "session-1", NOW + MAX_AGE - 1)
    assert not tokens.is_valid(token, "session-1", NOW + MAX_AGE)


def test_replicas_may_disagree_on_the_time() -> None:
    """A form from a replica whose clock is a minute ahead is accepted; one from further ahead is not."""
    token = tokens.sign("session-1", NOW)

    assert CLOCK_TOLERANCE >= 60
    assert tokens.is_valid(token, "session-1", NOW - 1)
    assert tokens.is_valid(token, "session-1", NOW - CLOCK_TOLERANCE)
    assert not tokens.is_valid(token, "session-1", NOW - CLOCK_TOLERANCE - 1)


def test_token_is_worth_nothing_elsewhere() -> None:
    """A token of another session, of another secret, or with a forged later time is refused."""
    token = tokens.sign("session-1", NOW)

    assert not tokens.is_valid(token, "session-2", NOW)
    assert not FormTokens("another-secret").is_valid(token, "session-1", NOW)
    younger = tokens.sign("session-1", NOW + 1).partition(".")[0]
    assert not tokens.is_valid(f"{younger}.{token.partition('.')[2]}", "session-1", NOW + 1)


def test_a_form_outlives_a_change_of_the_secret() -> None:
    """A form shown under the previous secret is accepted while that is still listed; new ones use the new secret."""
    before, now = FormTokens("the-secret-before"), FormTokens("another-secret", ["the-secret-before"])
    assert now.is_valid(before.sign("session-1", NOW), "session-1", NOW)
    assert FormTokens("another-secret").is_valid(now.sign("session-1", NOW), "session-1", NOW)


def test_parts_can_not_be_moved() -> None:
    """Time and session are signed as separate parts."""
    time, _, mac = tokens.sign("session.MQ", NOW).partition(".")
    assert not tokens.is_valid(f"MQ.{time}.{mac}", "session", NOW)
    assert not tokens.is_valid(tokens.sign("0.session", 1), "session", 10)
    assert tokens.sign("23", 1).partition(".")[2] != tokens.sign("3", 12).partition(".")[2]


def test_a_token_does_not_tell_the_session() -> None:
    """A page's token does not reveal the id of its session."""
    assert "session-1" not in tokens.sign("session-1", NOW)


def test_a_form_says_of_itself_that_it_was_open_for_too_long() -> None:
    """A token that is too old, of any session and secret, is told from a foreign one, to explain the refusal."""
    token = FormTokens("another-secret").sign("session-2", NOW)
    assert not is_past(token, NOW + MAX_AGE - 1)
    assert is_past(token, NOW + MAX_AGE)


def test_a_form_of_the_release_before_is_taken() -> None:
    """A form that was open during an upgrade of the service is valid in its session, for as long as any other."""
    key = hmac.digest(b"a-secret-of-some-service-0123456789", b"gatepost form token", hashlib.sha256)
    token = f"{NOW}.{hmac.digest(key, f'{NOW}.session-1'.encode(), hashlib.sha256).hex()}"
    assert tokens.is_valid(token, "session-1", NOW + MAX_AGE - 1)
    assert not tokens.is_valid(token, "session-1", NOW + MAX_AGE)
    assert not tokens.is_valid(token, "session-2", NOW)
    assert not tokens.is_valid(token.replace(str(NOW), str(NOW + 1)), "session-1", NOW + 1)
    assert (is_past(token, NOW), is_past(token, NOW + MAX_AGE)) == (False, True)


@given(st.text())
@example("")
@example(".")
@example(f"{NOW}.")
@example(f"{NOW}.é")
@example(f"{NOW}.\udcff")
@example("\u0661." + "0" * 64)
@example("9" * 5000 + ".x")
@example("________.x")
def test_any_text_is_refused(token: str) -> None:
    """Any text is refused, and raises nothing."""
    assert not tokens.is_valid(token, "session-1", NOW)
    assert is_past(token, NOW) in {True, False}
