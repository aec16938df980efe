"""A real Prometheus scrapes a running stack, and the alert that should fire does: from a fault to a sentence.

Its alerts have a twelfth of their times (``tests.support.prometheus``).
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prometheus import Prometheus, is_installed, running_prometheus
from tests.support.supervisor import Supervisor, supervising

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
    pytest.mark.skipif(not is_installed(), reason="prometheus is not installed"),
]

PATIENCE = 180.0  # seconds
EXPECTED = ("GatepostReplicaDown", "GatepostServiceGone")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Supervisor]:
    """Give a running stack."""
    with supervising(tmp_path) as running:
        yield running


@pytest.fixture
def prometheus(stack: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus that has scraped every service of the stack."""
    described = json.loads((stack.output.parent / "stack.json").read_text())["metrics"]
    targets = {job: [url.removeprefix("http://").partition("/")[0]] for job, url in described.items()}
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), targets) as running:
        running.wait_until(lambda: len(running.query("up == 1")) == len(targets), PATIENCE)
        yield running


def test_a_service_that_does_not_answer_is_told(stack: Supervisor, prometheus: Prometheus) -> None:
    """No alert is there while all is well; one comes for the service that stands still, and goes when it goes on."""
    assert {sample["metric"]["job"] for sample in prometheus.query("gatepost_ready == 1")} == {
        "gateway",
        "auth_service",
        "posts_service",
    }
    assert len(prometheus.query("process_resident_memory_bytes > 0 and process_open_fds > 0")) == 3

    def list_names() -> set[str]:
        return {alert["labels"]["alertname"] for alert in prometheus.list_alerts()}

    prometheus.wait_until(lambda: not set(EXPECTED) & list_names(), PATIENCE)  # what was told while all started
    os.kill(stack.children["posts_service"], signal.SIGSTOP)
    try:
        prometheus.wait_until(lambda: set(EXPECTED) <= list_names(), PATIENCE)
        told = {alert["labels"]["alertname"]: alert for alert in prometheus.list_alerts()}
    finally:
        os.kill(stack.children["posts_service"], signal.SIGCONT)
    gone = told["GatepostServiceGone"]
    assert gone["labels"] == {"alertname": "GatepostServiceGone", "job": "posts_service", "severity": "critical"}
    assert gone["annotations"]["summary"] == "No replica of posts_service answers"
    assert gone["annotations"]["runbook_url"] == "docs/operations.md#gatepostservicegone"
    prometheus.wait_until(lambda: not set(EXPECTED) & list_names(), PATIENCE)
