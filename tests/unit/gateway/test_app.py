"""The gateway as it is composed: what it loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.app import load_kept_policy
from gateway.settings import DEFAULT_RULES, GatewaySettings
from shared.settings import SAMPLE_SECRETS
from tests.support.house import ROOT


def test_nothing_is_proven_unasked() -> None:
    """A gateway without promises, and a question about one request, load nothing of what proves policies."""
    command = (
        "import sys, gateway.app, gateway.explain; print(*(n for n in sys.modules if n.startswith('gateway.proving')))"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_policy_of_an_earlier_release_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says what is missing in a policy of one's own: our assets, and the token that our services need."""
    file = tmp_path / "rules.toml"
    text = DEFAULT_RULES.read_text().replace('authorization = "token", ', "", 1)
    file.write_text(text.replace("/_gatepost/assets/", "/assets/"))
    monkeypatch.setenv("POSTS_SERVICE_URL", "http://posts")
    secrets = {name.lower(): sample for name, sample in SAMPLE_SECRETS.items()}
    settings = GatewaySettings.model_validate({**secrets, "environment": "development"})
    for rules, expected in ((DEFAULT_RULES, set()), (file, {"assets_not_reached", "token_not_sent"})):
        with capture_logs() as logs:
            load_kept_policy(settings.model_copy(update={"gateway_rules": rules}))
        assert {line["event"] for line in logs} == expected
