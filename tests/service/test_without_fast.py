"""What changes no answer: the tests of what the services do pass with all of ``fast/`` switched off.

Here those run that read most by it; ``make plain`` runs all. In a process of its own: the switch is turned before
anything is built.
"""

import subprocess
import sys

from tests.support.house import ROOT

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


def test_the_services_do_the_same_without_what_is_fast() -> None:
    """Plain queries, rows that the models write, memories that keep nothing: each answer is what it was."""
    command = [sys.executable, "-m", "pytest", *SUITES, "--without-fast", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:]
