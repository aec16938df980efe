"""The gateway as it is composed: what it loads."""

import subprocess
import sys

from tests.support.house import ROOT


def test_nothing_is_proven_unasked() -> None:
    """A gateway without promises, and a question about one request, load nothing of what proves policies."""
    command = (
        "import sys, gateway.app, gateway.explain; print(*(n for n in sys.modules if n.startswith('gateway.proving')))"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
