"""A real Prometheus, of Debian's package, that scrapes what a test runs, with the alerts of ``deploy/observe``.

The alerts are a copy in which every time (``for:`` and the ranges of expressions) is a twelfth of what the file says,
and it is scraped every second: else a test would last for minutes. All else is as an operator gets it.
"""

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from deploy.alert_rules import dump, read_rules
from tests.support.ports import find_free_port

SHORTER = 12
SECONDS = {"s": 1, "m": 60, "h": 3600}
START_DEADLINE = 60.0  # seconds
TARGETS = "targets.json"

Targets = Mapping[str, Sequence[str]]
"""Where the metrics of each job are: ``host:port`` of each of its replicas."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus; ``targets`` may be written anew at any time."""

    url: str
    directory: Path

    def set_targets(self, targets: Targets) -> None:
        """Scrape these from now on."""
        write_targets(self.directory, targets)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of a query as it stands now."""
        answer = httpx2.get(f"{self.url}/api/v1/query", params={"query": expression}, trust_env=False, timeout=10)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def list_alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire."""
        answer = httpx2.get(f"{self.url}/api/v1/alerts", trust_env=False, timeout=10)
        return [alert for alert in answer.json()["data"]["alerts"] if alert["state"] == "firing"]

    def list_fired(self, seconds: float) -> set[str]:
        """Return the names of the alerts that fired at any time within the last seconds."""
        fired = self.query(f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{seconds:.0f}s]))')
        return {sample["metric"]["alertname"] for sample in fired}

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Return when something holds; raises TimeoutError, with the alerts that fire, when it does not become so."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"it does not hold after {seconds:.0f} s; firing: {self.list_alerts()}")
            time.sleep(0.2)


def is_installed() -> bool:
    """Tell whether there is a Prometheus on this machine."""
    return shutil.which("prometheus") is not None


@contextlib.contextmanager
def running_prometheus(directory: Path, targets: Targets) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes these targets and keeps its data in a directory."""
    (directory / "alerts.yaml").write_text(dump(shorten(read_rules())))
    (directory / "prometheus.yaml").write_text(dump(build_settings()))
    write_targets(directory, targets)
    port = find_free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with (directory / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            running = Prometheus(f"http://127.0.0.1:{port}", directory)
            _wait_until_ready(running, process)
            yield running
        finally:
            process.kill()


def shorten(rules: dict[str, Any]) -> dict[str, Any]:
    """Return rules whose times are a twelfth of what they were."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = _divide(rule["for"])
            rule["expr"] = re.sub(r"(?<=\[)\d+[smh](?=\])", lambda found: _divide(found[0]), rule["expr"])
    return rules


def build_settings() -> dict[str, Any]:
    """Return Prometheus' settings: the targets come from a file, which is read again when it changes."""
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [
            {"job_name": "gatepost", "file_sd_configs": [{"files": [TARGETS], "refresh_interval": "1s"}]}
        ],
    }


def write_targets(directory: Path, targets: Targets) -> None:
    """Write the file of targets, as a whole."""
    groups = [{"targets": list(places), "labels": {"job": job}} for job, places in targets.items() if places]
    (directory / "next.tmp").write_text(json.dumps(groups))
    (directory / "next.tmp").replace(directory / TARGETS)


def _divide(duration: str) -> str:
    return f"{int(duration[:-1]) * SECONDS[duration[-1]] // SHORTER}s"


def _wait_until_ready(prometheus: Prometheus, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"{prometheus.url}/-/ready", trust_env=False, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start:\n{(prometheus.directory / 'prometheus.log').read_text()}")
