"""What the services do with access tokens that are signed by a key pair, so that no service shares a secret for them.

Here those tests run that are about tokens; ``make key-pair`` runs all. In a process of its own: the switch is turned
before anything is built.
"""

import subprocess
import sys

from tests.support.house import ROOT

SUITES = (
    "tests/service/auth/test_browser_session.py",
    "tests/service/auth/test_changed_secrets.py",
    "tests/service/auth/test_me.py",
    "tests/service/auth/test_refresh.py",
    "tests/service/auth/test_renewal.py",
    "tests/service/auth/test_session_ends.py",
    "tests/service/auth/test_update_session.py",
    "tests/service/gateway/test_renewed_answers.py",
    "tests/service/gateway/test_revocations.py",
    "tests/service/gateway/test_session_renewal.py",
    "tests/service/posts/test_access.py",
    "tests/service/posts/test_revocations.py",
)


def test_the_services_do_the_same_with_a_key_pair() -> None:
    """Signed by a key pair and verified by its public half alone, each token is worth what it is with a secret."""
    command = [sys.executable, "-m", "pytest", *SUITES, "--key-pair", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:]
