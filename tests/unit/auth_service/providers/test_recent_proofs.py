"""From when a sign-in counts that is to be recent, for one's own account."""

import datetime as dt
import uuid

import pytest

from auth_service.providers.recent_proofs import (
    MAX_AUTH_AGE,
    NEVER_SAID,
    Reauthentication,
    is_recently_proven,
    require_recent,
)
from auth_service.tables.sessions import Session, SessionId
from shared.errors import Unauthorized

BEGAN = dt.datetime(2026, 11, 29, 10, 0, tzinfo=dt.UTC)
NOW = int(BEGAN.timestamp())
BEFORE = BEGAN - dt.timedelta(seconds=MAX_AUTH_AGE + 1)


def make_session(authenticated_at: dt.datetime | None) -> Session:
    """Return a session that began with a proof of then; None: here."""
    ends = BEGAN + dt.timedelta(days=30)
    return Session(SessionId(uuid.uuid4()), 1, BEGAN, ends, authenticated_at)


@pytest.mark.parametrize("has_password", [True, False])
def test_a_sign_in_here_is_recent_for_five_minutes(*, has_password: bool) -> None:
    """A sign-in by password or by a letter counts from when it was, and for five minutes."""
    session = make_session(None)
    assert is_recently_proven(session, NOW + MAX_AUTH_AGE, has_password=has_password)
    assert not is_recently_proven(session, NOW + MAX_AUTH_AGE + 1, has_password=has_password)


@pytest.mark.parametrize("has_password", [True, False])
def test_what_a_provider_says_counts(*, has_password: bool) -> None:
    """Where the provider says when the proof was given, that counts, however young the session is."""
    assert is_recently_proven(make_session(BEGAN), NOW, has_password=has_password)
    assert not is_recently_proven(make_session(BEFORE), NOW, has_password=has_password)


def test_what_no_provider_says_counts_for_who_has_no_password() -> None:
    """Where it never says, the sign-in itself counts, and only for somebody who can prove it in no better way."""
    session = make_session(NEVER_SAID)
    assert is_recently_proven(session, NOW + MAX_AUTH_AGE, has_password=False)
    assert not is_recently_proven(session, NOW + MAX_AUTH_AGE + 1, has_password=False)
    assert not is_recently_proven(session, NOW, has_password=True)


def test_who_did_not_sign_in_recently_is_asked_to() -> None:
    """The refusal says how long ago a sign-in may be (RFC 9470, section 3)."""
    require_recent(Reauthentication(has_password=True, is_recent=True))
    with pytest.raises(Unauthorized) as refused:
        require_recent(Reauthentication(has_password=True, is_recent=False))
    assert 'max_age="300"' in refused.value.headers["WWW-Authenticate"]
