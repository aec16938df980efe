"""By which word a failure of the database is counted."""

import pytest

from shared.postgres.failures import KINDS, PASSING, is_passing, name_failure


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("53100", "disk_full"),
        ("53300", "too_many_connections"),
        ("53000", "out_of_resources"),
        ("25006", "read_only"),
        ("57P01", "connection_lost"),
        ("57014", "statement_timeout"),
        ("08006", "connection_lost"),
        ("40001", "rolled_back"),
        ("40P01", "deadlock"),
        ("55P03", "lock_timeout"),
        ("28P01", "access_refused"),
        ("3D000", "no_such_database"),
    ],
)
def test_a_failure_has_a_word(state: str, word: str) -> None:
    """What an operator does differently about is counted apart, and every word is one of the listed."""
    assert state.startswith(PASSING)
    assert name_failure(state) == word
    assert word in KINDS


@pytest.mark.parametrize(
    ("state", "message", "passes"),
    [
        ("XX000", "cache lookup failed for function 16410", True),
        ("XX000", "could not open relation with OID 16410", True),
        ("XX000", "invalid memory alloc request size", False),
        ("42601", "cache lookup failed for words", False),
        ("53100", "could not extend file", True),
    ],
)
def test_what_passes(state: str, message: str, passes: bool) -> None:  # noqa: FBT001 - a case
    """Of PostgreSQL's internal errors only those pass that say that something was replaced under a statement."""
    assert is_passing(state, message) is passes
    assert name_failure("XX000") == "schema_replaced"
    assert "schema_replaced" in KINDS
