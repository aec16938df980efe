"""What the services do with access tokens that are signed by a key pair, so that no service shares a secret for them.

Here those tests run that are about tokens, and the story of the running stack; ``make key-pair`` runs all. In a process
of its own: the switch is turned before anything is built.
"""

from pathlib import Path

import pytest

from tests.support.other_pytest import run_tests

SUITES = {
    "services": (
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
    ),
    "the running stack": ("tests/integration/test_story.py", "tests/integration/test_following.py"),
}


@pytest.mark.parametrize("suites", SUITES.values(), ids=SUITES)
def test_the_same_with_a_key_pair(suites: tuple[str, ...], pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """Signed by a key pair and verified by its public half alone, each token is worth what it is with a secret."""
    options = ["--key-pair", *(["--no-skips"] if pytestconfig.getoption("no_skips") else [])]
    run = run_tests(*suites, *options, "-q", temporary=tmp_path)
    assert run.returncode == 0, run.stdout[-5000:]
