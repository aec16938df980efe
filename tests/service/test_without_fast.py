"""What changes no answer: the tests of what the services do pass with all of ``fast/`` switched off.

Here those run that read most by it; ``make plain`` runs all. In a process of its own: the switch is turned before
anything is built.
"""

from pathlib import Path

from tests.support.other_pytest import run_tests

SUITES = (
    "tests/service/auth/test_browser_session.py",
    "tests/service/auth/test_me.py",
    "tests/service/auth/test_shared_lookups.py",
    "tests/service/gateway/test_renewed_answers.py",
    "tests/service/gateway/test_revocations.py",
    "tests/service/posts/test_access.py",
    "tests/service/posts/test_authors.py",
    "tests/service/posts/test_privacy.py",
    "tests/service/posts/test_reading.py",
    "tests/service/posts/test_shared_reads.py",
)


def test_the_services_do_the_same_without_what_is_fast(tmp_path: Path) -> None:
    """Plain queries, rows that the models write, memories that keep nothing: each answer is what it was."""
    run = run_tests(*SUITES, "--without-fast", "-q", temporary=tmp_path)
    assert run.returncode == 0, run.stdout[-5000:]
