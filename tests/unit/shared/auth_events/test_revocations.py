"""Which sessions were ended: known until the last of their tokens has expired."""

from hypothesis import given
from hypothesis import strategies as st

from shared.auth_events.revocations import Revocations

NOW = 1_800_000_000


def test_an_ended_session_is_known_until_its_tokens_expired() -> None:
    """A session stays revoked as long as a token of it could be valid, and is then dropped."""
    revocations = Revocations()
    revocations.add("a", NOW)
    revocations.add("b", NOW + 1)
    revocations.prune(NOW - 1)
    assert (revocations.is_revoked("a"), revocations.is_revoked("c")) == (True, False)
    revocations.prune(NOW)
    assert (revocations.is_revoked("a"), revocations.is_revoked("b"), len(revocations)) == (False, True, 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(NOW, NOW + 9))), st.lists(st.integers(NOW - 2, NOW + 11)))
def test_the_latest_end_counts(told: list[tuple[str, int]], times: list[int]) -> None:
    """In whatever order ends are added and time passes, no session is forgotten while a token of it may be valid."""
    revocations = Revocations()
    for session_id, until in told:
        revocations.add(session_id, until)
    for now in sorted(times):
        revocations.prune(now)
        living = {session_id for session_id, until in told if until > now}
        assert {session_id for session_id in "abc" if revocations.is_revoked(session_id)} == living
