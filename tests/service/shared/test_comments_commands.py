"""What a service gets by ``run_service``, tried with ``examples/comments``: the commands that all services have."""

import json
import os
import re
import subprocess
import sys

import pytest

from shared.observing.version import VERSION
from tests.support.comments_example import EXAMPLE, PACKAGE
from tests.support.running_stack import ROOT

CLOSED = "http://127.0.0.1:1"  # where nothing listens


def run(url: str, *words: str) -> tuple[int, str, str]:
    """Return the exit status of a command of the example, and what it wrote to standard output and error."""
    ended = subprocess.run(
        [sys.executable, "-m", PACKAGE, *words],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(EXAMPLE),
            "LOG_LEVEL": "ERROR",
            "ENVIRONMENT": "development",
            "SECRET_KEY": "development-only-access-token-key-0001",
            "AUTH_SERVICE_URL": CLOSED,
            "PORT": "1",
            "METRICS_PORT": "1",
            "COMMENTS_DATABASE_URL": url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_it_migrates(url: str) -> None:
    """``migrate`` creates the tables and ends; ``migrate --check`` says 4 before that, and 0 after it."""
    assert run(url, "migrate", "--check")[0] == 4
    assert run(url, "migrate") == (0, "", "")
    assert run(url, "migrate", "--check") == (0, "state    up to date\n", "")


def test_it_has_a_doctor(url: str) -> None:
    """``doctor`` looks at settings, database, auth service and process, and ends with 1 where there is a problem."""
    status, out, err = run(url, "doctor", "--json")
    assert (status, err) == (1, "")
    found = [(each["level"], each["subject"], each["says"]) for each in json.loads(out)["findings"]]
    assert {subject for _, subject, _ in found} == {"settings", "database", "auth service", "process"}
    (role,) = [level for level, _, says in found if says.startswith("COMMENTS_DATABASE_URL leads to ")]
    assert role in {"ok", "warning"}
    assert [level for level, subject, _ in found if subject == "auth service"] == ["problem"]


@pytest.mark.parametrize("word", ["--version", "serve"])
def test_it_does_not_start_with_a_word(url: str, word: str) -> None:
    """``--version`` says the release; any word that is no command ends with 2 and the words that there are."""
    status, out, err = run(url, word)
    if word == "--version":
        assert (status, out.startswith(f"{PACKAGE} {VERSION}, commit ")) == (0, True)
    else:
        assert (status, out) == (2, "")
        assert {"serve", "migrate", "doctor"} <= set(re.findall(r"\w+", err.splitlines()[-1]))
